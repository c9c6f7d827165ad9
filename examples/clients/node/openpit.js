// A client of `openpit serve`, written from docs/protocol.md; Node's standard library alone.
'use strict';

const net = require('net');
const { encode, decode } = require('./msgpack');

const VERSION = 3;
const HEAD = 46;
const ROW = 40;
const RETURNED = 32; // flag of a reply: the batch was not applied, its settings are old
const BATCH = 1024; // commands in one, at most
const BESIDE = 8192; // bytes of a frame that are kept for its head and rows
const RANKS = 16; // bytes that its places add to an order
const [MESSAGES, HELLO, STATE, AXES, BYE] = [0, 32, 33, 37, 39];
const [EXECUTE, EXECUTE_COUNTED, COMMIT, ROLLBACK, REPORT] = [1, 2, 9, 10, 14];
const [ACCEPTED, DONE, RESERVED, REJECTED, REPORTED, RAISED] = [1, 2, 3, 4, 8, 11];
const [REJECTED_ALIKE, FUNDED] = [24, 25];

function frame(op, body, { shard = 0, first = 0, count = 0, settings = 0, rows = [] } = {}) {
  const head = Buffer.alloc(HEAD + ROW * rows.length);
  head.writeUInt32BE(head.length + body.length - 4, 0);
  head.writeUInt8(VERSION, 4);
  head.writeUInt16BE(shard, 5);
  head.writeUInt8(op, 15);
  head.writeBigUInt64BE(BigInt(first), 16);
  head.writeUInt32BE(count, 24);
  head.writeUInt32BE(settings, 30);
  head.writeUInt32BE(rows.length, 34);
  rows.forEach(([axis, reach, ranked], place) => { // ranks are places: nothing is lacking
    const at = HEAD + ROW * place;
    head.writeUInt32BE(axis, at);
    head.writeBigUInt64BE(BigInt(reach), at + 12);
    head.writeUInt32BE(ranked, at + 20);
  });
  return Buffer.concat([head, body]);
}

// The replies that a run of rejects stands for, which are alike but for a number; any other as it is.
function apart(reply) {
  if (reply[0] !== REJECTED_ALIKE) return [reply];
  const [, numbers, [code, reason, before, behind, ...rest]] = reply;
  return numbers.map((number) => [REJECTED, [[code, reason, `${before}${number}${behind}`, ...rest]]]);
}

// The product of two decimals' texts, digit by digit.
function product(...factors) {
  let [digits, scale] = [1n, 0];
  for (const factor of factors) {
    const [figure, exponent = '0'] = factor.split(/e/i);
    const [whole, behind = ''] = figure.split('.');
    digits *= BigInt(whole + behind);
    scale += behind.length - Number(exponent);
  }
  const text = String(digits).padStart(scale + 1, '0');
  return scale ? `${text.slice(0, -scale)}.${text.slice(-scale)}` : text;
}

// The outcomes of a reply FUNDED, as a RESERVED has them.
function outcomesOf([, group, underlying, settlement, buys, quantity, price, balance, held, incoming]) {
  const notional = product(price, quantity);
  const [paid, hold, bought, due] = buys ? [settlement, notional, underlying, quantity] : [underlying, quantity, settlement, notional];
  return [[group, paid, `-${hold}|${balance};${hold}|${held};;;`, null], [group, bought, `;;${due}|${incoming};;`, null]];
}

// A decimal's text as the protocol has it: a figure below 0.000001 has an exponent.
function decimal(given) {
  if (given === null) return null;
  const text = String(given);
  if (!/^-?(0|[1-9]\d*)(\.\d{1,28})?$/.test(text) || /^-0(\.0*)?$/.test(text)) throw new TypeError(`no decimal: ${text}`);
  const [, sign, zeros, digits] = /^(-?)0\.(0{6,})(\d*)$/.exec(text) ?? [];
  if (digits === undefined || (!digits && zeros.length < 7)) return text;
  if (!digits) return `0E-${zeros.length}`;
  return `${sign}${digits[0]}${digits.length > 1 ? `.${digits.slice(1)}` : ''}E-${zeros.length + 1}`;
}

class Client {
  // Connect to a server; fails with its reason if it does not take this session.
  static connect(path, name = null) {
    return new Promise((resolve, reject) => {
      const client = new Client(net.createConnection(path), resolve, reject);
      client._socket.write(frame(HELLO, encode([[name]])));
    });
  }

  constructor(socket, welcomed, refused) {
    this._socket = socket;
    this._welcomed = welcomed;
    this._refused = refused;
    this._bytes = Buffer.alloc(0);
    this._queue = []; // commands that wait for credit, in order
    this._places = new Map(); // the last place given on each axis
    this._why = null;
    this._isDue = false;
    this.shards = [];
    socket.on('data', (data) => this._read(data));
    socket.on('error', (error) => this._end(error.message));
    socket.on('close', () => this._end('the server is gone'));
  }

  // Check an order: { ok, reservation, lock, outcomes, rejects }. A reservation is to be committed or rolled back.
  execute({ account, underlying, settlement, side, quantity = null, volume = null, price = null }) {
    return this._ask(account, EXECUTE, [underlying, settlement, side, ...[quantity, volume, price].map(decimal)]);
  }

  commit({ account, handle }) { return this._ask(account, COMMIT, [handle()]); }

  rollback({ account, handle }) { return this._ask(account, ROLLBACK, [handle()]); }

  // Tell what has become of an order: { blocks, pnls, outcomes }. `fill` has the lock of its reservation.
  report({ account, underlying, settlement, side, pnl = null, fee = null, fill = null }) {
    const [paid, quantity, cost, remaining] = [fill?.price, fill?.quantity, fill?.fee, fill?.remaining].map((figure) => decimal(figure ?? null));
    const row = fill && [paid, quantity, cost, fill.feeCurrency ?? null, remaining, fill.isFinal ?? null, fill.lock ?? []];
    return this._ask(account, REPORT, [underlying, settlement, side, decimal(pnl), decimal(fee), row]);
  }

  // What this session has asked of each shard.
  stats() {
    return this.shards.map(({ state, why, sent, answered }, shard) => ({ shard, state, why, sent, answered }));
  }

  close() { this._socket.end(); }

  _shardOf(account) {
    const slot = BigInt.asUintN(64, BigInt(account) * 0x9e3779b97f4a7c15n) >> 52n;
    return this.shards[this._owner.readUInt16BE(2 * Number(slot))];
  }

  _ask(account, kind, fields) {
    return new Promise((resolve, reject) => {
      const shard = this._shardOf(account);
      const bytes = encode([kind, account, ...fields]).length + RANKS;
      if (bytes > this.room) throw new RangeError(`a message of ${bytes} bytes: a frame has room for ${this.room}`);
      const command = { shard, kind, account, fields, bytes, resolve, reject };
      if (this._why !== null || shard.state !== 'up') { this._deny(command, this._why ?? shard.why); return; }
      this._queue.push(command);
      this._sendSoon();
    });
  }

  // What could not be checked is denied; of all else nobody knows whether it was applied.
  _deny(command, why) {
    const reject = { code: 'SystemUnavailable', reason: 'not checked', details: String(why), policy: 'Router' };
    if (command.kind === EXECUTE) command.resolve({ ok: false, rejects: [reject] });
    else command.reject(new Error(`outcome unknown: ${why}`));
  }

  // One batch per shard of what has been asked in this turn of the event loop.
  _sendSoon() {
    if (this._isDue) return;
    this._isDue = true;
    setImmediate(() => { this._isDue = false; this._send(); });
  }

  _send() {
    if (this._why !== null) return;
    const batches = new Map();
    const kept = [];
    const full = new Set();
    for (const command of this._queue) {
      const { shard, kind } = command;
      const batch = batches.get(shard) ?? { commands: [], rows: [], counts: new Map(), bytes: 0 };
      const most = this.credit + (kind === EXECUTE ? 0 : this.credit >> 3);
      const size = batch.bytes + command.bytes + ROW * batch.counts.size;
      const isFree = shard.inFlight + batch.commands.length < most && batch.commands.length < BATCH && size <= this.room;
      if (full.has(shard) || shard.isDraining || !isFree) { full.add(shard); kept.push(command); continue; }
      batches.set(shard, batch);
      batch.commands.push(command);
      batch.bytes += command.bytes;
      batch.rows.push(this._row(command, batch.counts));
    }
    this._queue = kept;
    if (batches.size && kept.length) this._sendSoon(); // what had no room in these frames
    for (const [shard, { commands, rows, counts }] of batches) {
      const counting = [...counts].map(([axis, count]) => [axis, this._places.get(axis), count]);
      this._socket.write(frame(MESSAGES, encode(rows), {
        shard: shard.number, first: shard.sent, count: commands.length, settings: this._version, rows: counting,
      }));
      shard.sent += commands.length;
      shard.inFlight += commands.length;
      shard.batches.push(commands);
    }
  }

  // The message of a command; an order that may count gets its places, which are its ranks.
  _row({ kind, account, fields }, counts) {
    if (kind !== EXECUTE) return [kind, account, ...fields];
    const [underlying, settlement] = fields;
    if (this._readsInstrument && !(underlying && settlement)) return [kind, account, ...fields];
    const ranks = [0, 0];
    for (const [axis, asset] of this._axes) {
      if (axis !== 0 && asset !== settlement) continue;
      const place = (this._places.get(axis) ?? 0) + 1;
      this._places.set(axis, place);
      counts.set(axis, (counts.get(axis) ?? 0) + 1);
      ranks[axis === 0 ? 0 : 1] = place;
    }
    return ranks[0] || ranks[1] ? [EXECUTE_COUNTED, account, ...fields, ...ranks] : [kind, account, ...fields];
  }

  _read(data) {
    this._bytes = Buffer.concat([this._bytes, data]);
    while (this._bytes.length >= 4 && this._bytes.length >= 4 + this._bytes.readUInt32BE(0)) {
      const end = 4 + this._bytes.readUInt32BE(0);
      const [head, body] = [this._bytes.subarray(0, HEAD), this._bytes.subarray(HEAD, end)];
      this._bytes = this._bytes.subarray(end);
      try { this._take(head, body.length ? decode(body) : []); } catch (error) {
        this._end(`not what a server says: ${error.message}`);
        this._socket.destroy();
        return;
      }
    }
  }

  _take(head, messages) {
    if (head.readUInt8(4) !== VERSION) throw new Error('another version');
    const number = head.readUInt16BE(5);
    switch (head.readUInt8(15)) {
      case MESSAGES: return this._takeReplies(this.shards[number], head, messages);
      case HELLO: return this._takeWelcome(messages[0]);
      case STATE: return this._takeState(this.shards[number], ...messages[0]);
      case AXES: return this._takeAxes(messages[0]);
      case BYE: return this._end(messages[0].join(': '));
      default: return undefined;
    }
  }

  _takeWelcome([session, role, credit, frameBytes, , , slots, axes]) {
    Object.assign(this, { session, role, credit, room: frameBytes - BESIDE, _owner: Buffer.from(slots) });
    let count = 0;
    for (let at = 0; at < slots.length; at += 2) count = Math.max(count, slots.readUInt16BE(at) + 1);
    for (let shard = 0; shard < count; shard += 1) {
      this.shards.push({ number: shard, state: 'up', why: null, sent: 0, answered: 0, inFlight: 0, batches: [], isDraining: false });
    }
    this._takeAxes(axes);
    this._welcomed(this);
  }

  // By other axes nothing goes to a shard before all that went by the old ones is answered, or back.
  _takeAxes([, version, , readsInstrument, , rows]) {
    for (const shard of this.shards) shard.isDraining = version !== this._version && shard.batches.length > 0;
    Object.assign(this, { _version: version, _readsInstrument: readsInstrument, _axes: rows });
  }

  _takeReplies(shard, head, replies) {
    const commands = shard.batches.shift();
    shard.inFlight -= commands.length;
    if (!shard.batches.length) shard.isDraining = false;
    if (head.readUInt8(28) & RETURNED) shard.returned = [...(shard.returned ?? []), ...commands];
    else {
      const first = head.readBigInt64BE(38);
      let place = 0;
      for (const reply of replies.flatMap(apart)) {
        const run = reply[0] === ACCEPTED || reply[0] === DONE ? reply[1] : 1;
        for (let each = 0; each < run; each += 1, place += 1) this._answer(commands[place], reply, first + BigInt(place));
      }
      shard.answered += commands.length;
    }
    if (shard.returned && !shard.batches.length) {
      this._queue.unshift(...shard.returned);
      shard.returned = null;
    }
    if (this._queue.length) this._sendSoon();
  }

  _answer(command, [kind, ...fields], number) {
    const { account, resolve, reject } = command;
    switch (kind) {
      case ACCEPTED: return resolve({ ok: true, reservation: null, lock: [], outcomes: [] });
      case DONE: return resolve({ blocks: [], pnls: [], outcomes: [] });
      case RESERVED: {
        const [isHeld, lock, outcomes] = fields;
        return resolve({ ok: true, reservation: isHeld ? { account, handle: () => number } : null, lock, outcomes });
      }
      case FUNDED: { // the lock is the price; what is held follows from the order
        const [, group, , , , , price] = fields;
        return resolve({ ok: true, reservation: { account, handle: () => number }, lock: [[group, price]], outcomes: outcomesOf(fields) });
      }
      case REJECTED: {
        const rejects = fields[0].map(([code, reason, details, policy, scope]) => ({ code, reason, details, policy, scope }));
        return resolve({ ok: false, rejects });
      }
      case REPORTED: return resolve({ blocks: fields[0], pnls: fields[1], outcomes: fields[2] });
      case RAISED: return reject(new Error(`${fields[1]}: ${fields[3]}`));
      default: throw new Error(`a reply of kind ${kind}`);
    }
  }

  _takeState(shard, state, why) {
    Object.assign(shard, { state, why });
    if (state === 'down') this._lose(shard, why);
  }

  _lose(shard, why) {
    const waiting = this._queue.filter((command) => command.shard === shard);
    this._queue = this._queue.filter((command) => command.shard !== shard);
    for (const command of [...(shard.returned ?? []), ...shard.batches.flat(), ...waiting]) this._deny(command, why);
    Object.assign(shard, { batches: [], inFlight: 0, returned: null });
  }

  _end(why) {
    if (this._why !== null) return;
    this._why = why;
    this._refused(new Error(why));
    for (const shard of this.shards) this._lose(shard, why);
  }
}

module.exports = { Client, decimal };
