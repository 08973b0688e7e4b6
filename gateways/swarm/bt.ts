/** An entry of a dict that is written as it stands: in this order, with keys that may come twice. */
export type BtEntry = readonly [key: string, value: BtValue];
export type BtValue = Buffer | string | number | bigint | readonly BtValue[] | { readonly dict: readonly BtEntry[] };

/** A dict with its keys in byte order, as every encoder but a careless one writes it. */
export function btDict(values: Readonly<Record<string, BtValue | undefined>>): BtValue {
  const entries = Object.entries(values).flatMap(([key, value]): BtEntry[] =>
    value === undefined ? [] : [[key, value]],
  );
  return { dict: entries.toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))) };
}

/** bencode with byte strings; text is written as UTF-8. */
export function encodeBt(value: BtValue): Buffer {
  const chunks: Buffer[] = [];
  write(value, chunks);
  return Buffer.concat(chunks);
}

function write(value: BtValue, chunks: Buffer[]): void {
  if (typeof value === 'string') return write(Buffer.from(value), chunks);
  if (typeof value === 'number' || typeof value === 'bigint') return void chunks.push(Buffer.from(`i${value}e`));
  if (Buffer.isBuffer(value)) return void chunks.push(Buffer.from(`${value.length}:`), value);
  if ('dict' in value) {
    chunks.push(Buffer.from('d'));
    for (const [key, item] of value.dict) {
      write(key, chunks);
      write(item, chunks);
    }
  } else {
    chunks.push(Buffer.from('l'));
    for (const item of value) write(item, chunks);
  }
  chunks.push(Buffer.from('e'));
}
