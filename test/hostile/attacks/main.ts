import { Attacker, type Deeds, type Orders } from './attacker.js';
import { attacks } from './table.js';

/** An attacker in a process of its own: does what its one argument orders, tells what it has done, and goes. */
const orders = JSON.parse(process.argv[2]!) as Orders;
const attack = attacks.find(({ name }) => name === orders.attack);
if (attack === undefined) throw new Error(`there is no attack ${orders.attack}`);

process.on('disconnect', () => process.exit());
const attacker = new Attacker(orders);
// An attack that fails has shown nothing: this process ends with its error. One that is done early is not over.
await Promise.race([attack.run(attacker), attacker.untilOver()]);
await attacker.untilOver();
const deeds: Deeds = attacker.deeds;
attacker.end();
process.send!(deeds, () => process.exit());
