import { readAuthorities } from '../../common/start/trusted-authorities.js';
import { type NetworkConfig } from '../../config/app-config.js';
import { type Outgoing } from '../../outgoing/outgoing.js';
import { JsonRpcSource } from './json-rpc-source.js';
import { type ListSource, nameOfSource } from './list-source.js';
import { type OwnKeys } from '../lines/node-connection.js';
import { OxenmqSource } from './oxenmq-source.js';

/** Makes the sources of the configuration. Nothing is connected before the first question. */
export function openSources(
  config: NetworkConfig,
  own: OwnKeys,
  onBlock: () => void,
  outgoing: Outgoing,
): ListSource[] {
  const ca = readAuthorities(config.caFile, 'NODE_LIST_CA_FILE');
  return config.sources.map((source) =>
    source.kind === 'oxenmq'
      ? new OxenmqSource(source, own, onBlock)
      : new JsonRpcSource(nameOfSource(source), source.url, ca, undefined, outgoing),
  );
}
