/** The port of an address that names none. */
const PORT_DEFAULT = 7420;
/** Where `connect` looks when it is told nothing. */
export const ADDRESS_DEFAULT = `127.0.0.1:${PORT_DEFAULT}`;

/**
 * The URL of a server that was named by one of both, or by neither.
 * @throws TypeError for an address that is none
 */
export function urlOf({ address, url }: { address?: string; url?: string }): string {
  if (address !== undefined && url !== undefined) {
    throw new TypeError("connect takes an address or a url, not both");
  }
  const text = url ?? `http://${withPort(address ?? ADDRESS_DEFAULT)}`;
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.pathname !== "/") {
    throw new TypeError(
      `${JSON.stringify(url ?? address)} is not where a server can be: give host:port as address, or http(s)://host:port as url`,
    );
  }
  return parsed.origin;
}

function withPort(address: string): string {
  return /:\d+$/.test(address) ? address : `${address}:${PORT_DEFAULT}`;
}
