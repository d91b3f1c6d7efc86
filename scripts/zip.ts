// A zip archive of one file: too little to bring in a package for.
const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END_RECORD = 0x06054b50;
const VERSION_DEFLATE = 20;
const METHOD_DEFLATE = 8;
// 1 January 1980, the earliest date there is: the same input gives the same archive.
const DOS_DATE = 0x0021;

/** Packs one file, of less than 4 GiB, into a zip archive. */
export function zipOneFile(name: string, bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  const nameBytes = Buffer.from(name);
  const packed = Bun.deflateSync(bytes, { level: 9, library: "libdeflate" });
  // Both headers share these 26 bytes, from "version needed" to "extra field length".
  const common = Buffer.alloc(26);
  common.writeUInt16LE(VERSION_DEFLATE, 0);
  common.writeUInt16LE(METHOD_DEFLATE, 4);
  common.writeUInt16LE(DOS_DATE, 8);
  common.writeUInt32LE(Bun.hash.crc32(bytes), 10);
  common.writeUInt32LE(packed.length, 14);
  common.writeUInt32LE(bytes.length, 18);
  common.writeUInt16LE(nameBytes.length, 22);

  const local = Buffer.concat([uint32(LOCAL_HEADER), common, nameBytes]);
  const madeBy = Buffer.from([VERSION_DEFLATE, 0]);
  const attributesAndOffset = Buffer.alloc(14);
  const central = Buffer.concat([uint32(CENTRAL_HEADER), madeBy, common, attributesAndOffset, nameBytes]);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(END_RECORD, 0);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length + packed.length, 16);
  return Buffer.concat([local, packed, central, end]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value, 0);
  return bytes;
}
