/** Colours of a chart, on a page whose background it does not paint. */
export interface Theme {
  readonly text: string;
  readonly muted: string;
  /** Of everybody's bars but ours. */
  readonly bar: string;
  /** Of our bars. */
  readonly accent: string;
}

/** For pages in light and in dark colours. */
export const themes: Readonly<Record<"light" | "dark", Theme>> = {
  light: { text: "#1f2328", muted: "#59636e", bar: "#afb8c1", accent: "#0969da" },
  dark: { text: "#f0f6fc", muted: "#9198a1", bar: "#59636e", accent: "#4493f8" },
};
