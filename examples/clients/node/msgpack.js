// As much of msgpack as the protocol has: nil, flags, numbers, texts, bytes and arrays.
'use strict';

function encode(value, parts = []) {
  const put = (size, write) => { const b = Buffer.alloc(size); write(b); parts.push(b); };
  if (value === null || value === undefined) put(1, (b) => b.writeUInt8(0xc0));
  else if (typeof value === 'boolean') put(1, (b) => b.writeUInt8(value ? 0xc3 : 0xc2));
  else if (typeof value === 'string') {
    const text = Buffer.from(value);
    put(5, (b) => { b.writeUInt8(0xdb); b.writeUInt32BE(text.length, 1); });
    parts.push(text);
  } else if (Array.isArray(value)) {
    put(5, (b) => { b.writeUInt8(0xdd); b.writeUInt32BE(value.length, 1); });
    for (const item of value) encode(item, parts);
  } else if (typeof value === 'bigint' || Number.isSafeInteger(value)) {
    const number = BigInt(value);
    if (number >= 0n && number < 128n) put(1, (b) => b.writeUInt8(Number(number)));
    else if (number >= 0n) put(9, (b) => { b.writeUInt8(0xcf); b.writeBigUInt64BE(number, 1); });
    else put(9, (b) => { b.writeUInt8(0xd3); b.writeBigInt64BE(number, 1); });
  } else throw new TypeError(`cannot be sent: ${value}`);
  return parts;
}

const whole = (number) =>
  number >= Number.MIN_SAFE_INTEGER && number <= Number.MAX_SAFE_INTEGER ? Number(number) : number;

function decode(buffer) {
  let at = 0;
  const uint = (size) => { const n = buffer.readUIntBE(at, size); at += size; return n; };
  const int = (size) => { const n = buffer.readIntBE(at, size); at += size; return n; };
  const bytes = (size) => { at += size; return buffer.subarray(at - size, at); };
  const array = (size) => Array.from({ length: size }, item);
  function item() {
    const tag = uint(1);
    if (tag < 0x80) return tag;
    if (tag >= 0xe0) return tag - 256;
    if (tag >= 0xa0 && tag < 0xc0) return bytes(tag & 31).toString();
    if (tag >= 0x90 && tag < 0xa0) return array(tag & 15);
    switch (tag) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: return bytes(uint(1));
      case 0xc5: return bytes(uint(2));
      case 0xc6: return bytes(uint(4));
      case 0xcb: return bytes(8).readDoubleBE();
      case 0xcc: return uint(1);
      case 0xcd: return uint(2);
      case 0xce: return uint(4);
      case 0xcf: return whole(bytes(8).readBigUInt64BE());
      case 0xd0: return int(1);
      case 0xd1: return int(2);
      case 0xd2: return int(4);
      case 0xd3: return whole(bytes(8).readBigInt64BE());
      case 0xd9: return bytes(uint(1)).toString();
      case 0xda: return bytes(uint(2)).toString();
      case 0xdb: return bytes(uint(4)).toString();
      case 0xdc: return array(uint(2));
      case 0xdd: return array(uint(4));
      default: throw new Error(`no msgpack of this protocol: ${tag}`);
    }
  }
  return item();
}

module.exports = { encode: (value) => Buffer.concat(encode(value)), decode };
