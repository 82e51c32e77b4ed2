// Loaded into a server's process ahead of the server, when a benchmark wants to see its memory. Node offers no way to
// ask another process.
process.on("message", ({ collect }: { collect: boolean }) => {
  if (collect) globalThis.gc?.();
  process.send?.(process.memoryUsage());
});
// It keeps no server alive that wants to end.
process.channel?.unref();
