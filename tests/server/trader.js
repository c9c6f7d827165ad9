// A program that trades, as trader.py: node trader.js CLIENT PATH FIRST_ACCOUNT ORDERS SEED WAITS
//
// CLIENT is the module of examples/clients/node. Its accounts are its own: FIRST_ACCOUNT and the 19
// after it. Prints how many orders were accepted, and writes down how long it has waited.
'use strict';

const fs = require('fs');

const [module_, path, first, count, seed, waits] = process.argv.slice(2);
const { Client } = require(module_);

const ACCOUNTS = 20;
const SYMBOLS = [['AAPL', 'USD'], ['SPX', 'USD'], ['SAP', 'EUR']];
const SIZES = [1, 2, 5, 30, 120];
const CALLERS = 4;

// A generator of numbers below 1, by a seed.
function random(text) {
  let state = 0;
  for (const byte of Buffer.from(text)) state = (Math.imul(state, 31) + byte) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const next = random(`${seed} ${first}`);
const below = (limit) => Math.floor(next() * limit);

function order() {
  const [underlying, settlement] = SYMBOLS[below(SYMBOLS.length)];
  return {
    account: Number(first) + below(ACCOUNTS), underlying, settlement, side: 'BUY',
    quantity: String(1 + below(39)), price: (90 + below(2000) / 100).toFixed(2),
  };
}

const rows = [];

// What is asked at once, and how long it takes.
async function timed(calls) {
  const began = process.hrtime.bigint();
  const answers = await Promise.all(calls);
  rows.push([began, process.hrtime.bigint()]);
  return answers;
}

async function trade(client, state) {
  while (state.left > 0) {
    const orders = Array.from({ length: Math.min(state.left, SIZES[below(SIZES.length)]) }, order);
    state.left -= orders.length;
    const results = await timed(orders.map((one) => client.execute(one)));
    const ends = [];
    for (const [place, { ok, reservation, lock }] of results.entries()) {
      if (!ok) continue;
      state.accepted += 1;
      const what = next();
      if (what < 0.1) { // committed, and then cancelled at the venue: what it holds is given back
        const { account, underlying, settlement, side, quantity } = orders[place];
        const fill = { remaining: quantity, isFinal: true, lock };
        ends.push(() => client.commit(reservation));
        ends.push(() => client.report({ account, underlying, settlement, side, fill }));
      } else if (what < 0.12) state.kept.push(reservation);
      else ends.push(() => client.rollback(reservation));
    }
    if (state.kept.length > 40) ends.push(...state.kept.splice(0).map((one) => () => client.rollback(one)));
    if (ends.length) await timed(ends.map((end) => end()));
  }
}

async function main() {
  const client = await Client.connect(path);
  const state = { left: Number(count), accepted: 0, kept: [] };
  await Promise.all(Array.from({ length: CALLERS }, () => trade(client, state)));
  client.close(); // with what it has kept: the server rolls it back
  const data = Buffer.alloc(16 * rows.length);
  rows.forEach((row, place) => row.forEach((at, column) => data.writeBigInt64BE(at, 16 * place + 8 * column)));
  fs.writeFileSync(waits, data);
  console.log(state.accepted);
}

main().catch((error) => {
  console.error(String(error));
  process.exitCode = 1;
});
