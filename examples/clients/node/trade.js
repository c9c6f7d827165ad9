// Trade on a server: node trade.js PATH [ORDERS] [FIRST_ACCOUNT]
//
// Sends ORDERS at once, each for an account of its own, commits what was accepted, reports the first
// one filled, and prints what came of it.
'use strict';

const { Client } = require('./openpit');

async function main(path, count, firstAccount) {
  const client = await Client.connect(path, 'node');
  const order = (each) => ({
    account: firstAccount + each, underlying: 'AAPL', settlement: 'USD', side: 'BUY', quantity: '10', price: '185.5',
  });
  const results = await Promise.all(Array.from({ length: count }, (_, each) => client.execute(order(each))));
  const reservations = results.filter(({ reservation }) => reservation).map(({ reservation }) => reservation);
  await Promise.all(reservations.map((reservation) => client.commit(reservation)));
  const filled = results.findIndex(({ ok }) => ok);
  let report = null;
  if (filled >= 0) {
    const { account, underlying, settlement, side } = order(filled);
    const fill = { price: '185', quantity: '10', remaining: '0', isFinal: true, lock: results[filled].lock };
    report = await client.report({ account, underlying, settlement, side, pnl: '0', fee: '0', fill });
  }
  const codes = {};
  for (const { rejects } of results) for (const { code } of rejects ?? []) codes[code] = (codes[code] ?? 0) + 1;
  console.log(JSON.stringify({
    accepted: results.filter(({ ok }) => ok).length, committed: reservations.length, codes, report, stats: client.stats(),
  }));
  client.close();
}

const [path, count = '100', firstAccount = '1'] = process.argv.slice(2);
main(path, Number(count), Number(firstAccount)).catch((error) => {
  console.error(String(error));
  process.exitCode = 1;
});
