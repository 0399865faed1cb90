import { formatId } from '../base/ids.js';

/** Columns as wide as their widest cell. Cells of numbers stand right. */
export function textTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    rows.reduce((width, row) => Math.max(width, (row[column] ?? '').length), title.length),
  );
  const isNumber = header.map(
    (_, column) => rows.length > 0 && rows.every((row) => /^[\d.,]*$/.test(row[column] ?? '')),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        isNumber[column] === true ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd();
  return [header, ...rows].map((cells) => `${line(cells)}\n`).join('');
}

/** Ids as people see them, everything else as it is. */
export function toJson(value: unknown): string {
  const shown = JSON.stringify(
    value,
    (_, each: unknown) => (typeof each === 'bigint' ? formatId(each) : each),
    2,
  );
  return `${shown}\n`;
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** 1536 is `1.5 KiB`. */
export function sizeText(sizeBytes: number): string {
  let value = sizeBytes;
  let unit = 0;
  while (Math.round(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]!}`;
}
