import { NoSealing, type StoredId, type StoredToken } from '../../src/sealing/sealing.js';

const sealing = new NoSealing();

/** As a server without a data key stores them: the text itself. */
export const storedId = (id: string): StoredId => sealing.id(id);
export const storedToken = (token: string): StoredToken => sealing.token(token);
