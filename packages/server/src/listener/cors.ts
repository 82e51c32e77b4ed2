const ALLOWED_METHODS = "POST";
const ALLOWED_HEADERS = [
  "content-type",
  "connect-protocol-version",
  "connect-timeout-ms",
  "grpc-timeout",
  "traceparent",
  "x-correlation-id",
  "x-grpc-web",
  "x-user-agent",
].join(", ");
const EXPOSED_HEADERS = ["grpc-status", "grpc-message", "grpc-status-details-bin"].join(", ");
const REMEMBER_SECONDS = "7200";

/**
 * The headers that let a page of this origin read the reply, or undefined when the origin is not on the
 * list. A page of any other origin is stopped by its own browser.
 */
export function corsHeaders(
  origin: string | undefined,
  allowed: readonly string[],
): Record<string, string> | undefined {
  if (origin === undefined || !allowed.includes(origin)) return undefined;
  return {
    "access-control-allow-origin": origin,
    "access-control-expose-headers": EXPOSED_HEADERS,
    vary: "Origin",
  };
}

/** The headers that answer a browser's question before the call. */
export function preflightHeaders(cors: Record<string, string>): Record<string, string> {
  return {
    ...cors,
    "access-control-allow-methods": ALLOWED_METHODS,
    "access-control-allow-headers": ALLOWED_HEADERS,
    "access-control-max-age": REMEMBER_SECONDS,
  };
}
