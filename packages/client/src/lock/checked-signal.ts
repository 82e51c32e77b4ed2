/**
 * After a pause a timer that should have fired may still be due. So the signal, too, looks at the clock before it
 * tells anybody that it is not aborted.
 */
export function checkedSignal(signal: AbortSignal, check: () => void): void {
  const proto = AbortSignal.prototype;
  const aborted = Object.getOwnPropertyDescriptor(proto, "aborted")?.get;
  if (!aborted) return;
  Object.defineProperties(signal, {
    aborted: {
      get: () => {
        check();
        return aborted.call(signal);
      },
    },
    throwIfAborted: {
      value: () => {
        check();
        proto.throwIfAborted.call(signal);
      },
    },
  });
}
