/** A copy of an array with room for `length` numbers; what is new is 0. */
export function widened(array: Int32Array, length: number): Int32Array {
  const wider = new Int32Array(length);
  wider.set(array);
  return wider;
}
