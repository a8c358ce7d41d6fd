// A contractor's key with the official Node SDK: it uploads into its folder and does nothing else.
// CLOUDINARY_URL names the server and the key; arguments: the photo, and the folder that the key is bound to.
'use strict';

const assert = require('node:assert/strict');
const { v2: cloudinary } = require('cloudinary');

// The uploader rejects with the error itself, the Admin API with an object that holds it.
async function refused(status, call) {
  try {
    await call();
  } catch (failure) {
    const error = failure.error || failure;
    assert.equal(error.http_code, status, JSON.stringify(failure));
    return error.message;
  }
  assert.fail('it was not refused');
}

async function main() {
  const [photo, folder] = process.argv.slice(2);
  const stored = await cloudinary.uploader.upload(photo, { public_id: 'node-contractor', asset_folder: folder });
  assert.equal(stored.asset_folder, folder);
  const elsewhere = await refused(401, () => cloudinary.uploader.upload(photo, { asset_folder: 'elsewhere' }));
  assert.match(elsewhere, /no permission for this call.*only in clients\/acme/);
  await refused(401, () => cloudinary.uploader.destroy('node-contractor'));
  assert.match(await refused(403, () => cloudinary.api.resources()), /assets:read/);
  assert.match(await refused(403, () => cloudinary.api.usage()), /usage:read/);
  console.log(JSON.stringify({ asset_id: stored.asset_id }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
