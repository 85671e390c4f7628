/** The time in a UUIDv7, milliseconds; `otherwise` for any other id. */
export function timeInUuid(id: string, otherwise: number): number {
  if (id.charCodeAt(14) !== 0x37 || id.length !== 36) return otherwise;
  const time = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
  return Number.isNaN(time) ? otherwise : time;
}
