// A seat's id is its section, row and number; a section has no hyphen.

export function seatOf(id: string): { section: string; row: string; num: string } {
  const [section = id, row = '', num = ''] = id.split('-');
  return { section, row, num };
}
