import { isIPv4, isIPv6 } from "node:net";

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** An IP address in its one form: an IPv4 address is not written as IPv6. */
export function plainAddress(address: string): string {
  return MAPPED.exec(address)?.[1] ?? address;
}

/** Whether a host, as one listens on or calls it, can only be this machine. */
export function isLoopback(host: string): boolean {
  const name = plainAddress(host.replace(/^\[(.*)\]$/, "$1").toLowerCase());
  if (isIPv4(name)) return name.startsWith("127.");
  if (isIPv6(name)) return name === "::1" || name === "0:0:0:0:0:0:0:1";
  return name === "localhost" || name.endsWith(".localhost");
}

/** The host of a Host header or :authority, without the port; undefined when it has no such form. */
export function hostOf(authority: string): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[^:@/?#\s]+)(?::\d{1,5})?$/i.exec(authority)?.[1];
}
