/** A server's URL as it may be shown. */
export const withoutCredentials = (url: string): string => url.replace(/\/\/[^/?#]*@/, '//').replace(/[?#].*$/, '');
