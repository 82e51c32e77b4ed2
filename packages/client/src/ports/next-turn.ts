/** Runs `fn` in the next turn of Node's event loop: by then what has been written is on its way. */
export function nextTurn(fn: () => void): void {
  setImmediate(fn);
}
