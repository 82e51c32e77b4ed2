/** A place and a size, in pixels. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Where a text begins, on its base line, and what it looks like. */
export interface TextStyle {
  readonly x: number;
  readonly y: number;
  readonly fill: string;
  readonly bold?: boolean;
  readonly small?: boolean;
}

const FONT = "-apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif";

/** A whole picture; its title is what is read out to those who do not see it. */
export function svg(
  { width, height, title }: { width: number; height: number; title: string },
  parts: readonly string[],
): string {
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" font-family="${FONT}" font-size="13">`,
    `<title>${escaped(title)}</title>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

/** A filled bar. */
export function bar({ x, y, width, height }: Box, fill: string): string {
  const [left, top, wide] = [x, y, width].map(rounded);
  return `<rect x="${left}" y="${top}" width="${wide}" height="${height}" rx="2" fill="${fill}"/>`;
}

/** A line of text. */
export function text(content: string, { x, y, fill, bold, small }: TextStyle): string {
  const weight = bold ? ' font-weight="600"' : "";
  const size = small ? ' font-size="11"' : "";
  const place = `x="${rounded(x)}" y="${rounded(y)}"`;
  return `<text ${place} fill="${fill}"${weight}${size}>${escaped(content)}</text>`;
}

function rounded(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(content: string): string {
  return content.replace(/[&<>]/g, (each) => ({ "&": "&amp;", "<": "&lt;" })[each] ?? "&gt;");
}
