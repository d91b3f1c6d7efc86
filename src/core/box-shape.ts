import { cellsOf, volumeOf } from "./shapes.ts";

/** Where the cells of a shape are, in the order of memory. */
export interface BoxLayout {
  /** Coordinate sum of each cell: its shell. */
  readonly shell: Int32Array;
  /** `before[cell * axes + axis]`: the cell before it along the axis, -1 at the border. */
  readonly before: Int32Array;
  /** `at[cell * axes + axis]`: coordinate along the axis. */
  readonly at: Int32Array;
  /** The cell before each along the last axis on which it is the second: a line of one word. -1: there is none. */
  readonly partner: Int32Array;
}

/**
 * A shape as the walk meets it: its layout in memory, its place among the other shapes, and how many were found.
 *
 * Dims are in the order of the walk: longest axis first; of equal ones the smaller word beside the origin first.
 * In memory axis 0 runs fastest. Both are the canonical order backwards, so the cells as they lie in memory are
 * the words of the canonical line.
 */
export class BoxShape {
  readonly axes: number;
  /** Length of the last axis. */
  readonly height: number;
  readonly cells: number;
  readonly volume: number;
  /** The dims as they are printed: ascending. */
  readonly canonicalDims: readonly number[];
  /** One slice of the last axis; of a single axis, itself. */
  readonly base: BoxShape;
  /** Orthos of this shape found so far. */
  count = 0;
  private nextTaller: BoxShape | null = null;
  private nextDeeper: BoxShape | null = null;
  private places: BoxLayout | null = null;

  constructor(readonly dims: readonly number[]) {
    const axes = dims.length;
    this.axes = axes;
    this.height = dims[axes - 1];
    this.cells = cellsOf(dims);
    this.volume = volumeOf(dims);
    this.canonicalDims = dims.toReversed();
    this.base = axes > 1 ? new BoxShape(dims.slice(0, -1)) : this;
  }

  /** Made when first asked for: whoever only reads orthos never does, and a long row would cost much. */
  get layout(): BoxLayout {
    this.places ??= layOut(this);
    return this.places;
  }

  /** The shape with one slice more along the last axis. */
  get taller(): BoxShape {
    this.nextTaller ??= new BoxShape([...this.dims.slice(0, -1), this.height + 1]);
    return this.nextTaller;
  }

  /** The shape with one axis more, of length 2. */
  get deeper(): BoxShape {
    this.nextDeeper ??= new BoxShape([...this.dims, 2]);
    return this.nextDeeper;
  }

  /** This shape and all that were reached from it. */
  *reached(): Generator<BoxShape> {
    yield this;
    if (this.nextTaller !== null) yield* this.nextTaller.reached();
    if (this.nextDeeper !== null) yield* this.nextDeeper.reached();
  }
}

function layOut({ axes, cells, dims }: BoxShape): BoxLayout {
  const layout = {
    shell: new Int32Array(cells),
    before: new Int32Array(cells * axes),
    at: new Int32Array(cells * axes),
    partner: new Int32Array(cells).fill(-1),
  };
  for (let cell = 0; cell < cells; cell++) {
    let rest = cell;
    let stride = 1;
    for (let axis = 0; axis < axes; axis++) {
      const coordinate = rest % dims[axis];
      rest = (rest - coordinate) / dims[axis];
      layout.at[cell * axes + axis] = coordinate;
      layout.before[cell * axes + axis] = coordinate > 0 ? cell - stride : -1;
      if (coordinate === 1) layout.partner[cell] = cell - stride;
      layout.shell[cell] += coordinate;
      stride *= dims[axis];
    }
  }
  return layout;
}
