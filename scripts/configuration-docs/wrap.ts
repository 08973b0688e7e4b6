const WIDTH = 120;

/** Text in lines of at most 120 characters, each beginning with `prefix`. */
export function wrap(text: string, prefix = ''): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && `${line} ${word}`.length <= WIDTH) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(`${prefix}${word}`);
  }
  return lines.join('\n');
}
