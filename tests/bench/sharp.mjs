// Makes one rendition of each file with sharp and prints the processor seconds of one, the start of the program left out.
//
//   node sharp.mjs OPERATION FOLDER FILE…
import { basename, join } from 'node:path';
import sharp from 'sharp';

const operations = {
  thumbnail: (file) => sharp(file).resize(512, 512, { fit: 'inside' }).jpeg({ quality: 80 }),
  graphic: (file) => sharp(file).resize({ width: 800 }).webp({ quality: 80, effort: 2 }),
  avif: (file) => sharp(file).resize(512, 512, { fit: 'inside' }).avif({ quality: 56, effort: 0 }),
};

const [operation, folder, ...files] = process.argv.slice(2);
const make = operations[operation];
// As one worker works: one thread, nothing remembered.
sharp.concurrency(1);
sharp.cache(false);
await make(files[0]).toBuffer();
const before = process.cpuUsage();
for (const file of files) {
  await make(file).toFile(join(folder, `${basename(file)}.${operation}`));
}
const { user, system } = process.cpuUsage(before);
console.log(((user + system) / 1e6 / files.length).toString());
