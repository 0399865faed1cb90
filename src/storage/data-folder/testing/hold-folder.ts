import { DataFolder } from '../data-folder.js';

/** A process that holds the data folder of a member, says so to its parent, and ends with it. */
const [path, name] = process.argv.slice(2);
const folder = await DataFolder.open(path!, name!);
process.once('disconnect', () => void folder.close());
process.send!('held');
