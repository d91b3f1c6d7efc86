/** A copy of an array with room for `length` numbers; what is new is 0. */
export function widened(array: Int32Array, length: number): Int32Array {
  const wider = new Int32Array(length);
  wider.set(array);
  return wider;
}

/** The first place from `from` on whose number is `wanted` or more; `to` where there is none. The numbers ascend. */
export function lowerBound(numbers: ArrayLike<number>, from: number, to: number, wanted: number): number {
  let left = from;
  let right = to;
  while (left < right) {
    const middle = (left + right) >>> 1;
    if (numbers[middle] < wanted) left = middle + 1;
    else right = middle;
  }
  return left;
}
