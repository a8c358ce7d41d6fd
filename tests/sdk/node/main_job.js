// The main job with the official Node SDK: upload, deliver, look, remove, provision.
//
// Everything about the server comes from the environment, as it would in an application: CLOUDINARY_URL,
// CLOUDINARY_ACCOUNT_URL, and NODE_EXTRA_CA_CERTS for the https links that the SDK builds.
// Arguments: the photo, and the name of the unsigned preset.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const cloudinary = require('cloudinary').v2;

const [photo, preset] = process.argv.slice(2);

async function fetched(url) {
  const answer = await fetch(url);
  assert.equal(answer.status, 200, `${url}: ${answer.headers.get('x-cld-error')}`);
  return { type: answer.headers.get('content-type'), body: Buffer.from(await answer.arrayBuffer()) };
}

// Width and height from a JPEG's frame header.
function jpegSize(data) {
  for (let at = 2; ; at += 2 + data.readUInt16BE(at + 2)) {
    const marker = data.readUInt16BE(at);
    if (marker >= 0xffc0 && marker <= 0xffc2) return [data.readUInt16BE(at + 7), data.readUInt16BE(at + 5)];
  }
}

async function refused(status, call) {
  try {
    await call();
  } catch (refusal) {
    const inner = refusal.error ?? refusal;
    assert.equal(inner.http_code, status, JSON.stringify(refusal));
    assert.ok(inner.message, 'a refusal says why');
    return;
  }
  assert.fail(`not refused with ${status}`);
}

async function main() {
  const done = {};

  // Upload and deliver. The SDK builds https links.
  const result = await cloudinary.uploader.upload(photo, { public_id: 'node/photo', tags: ['sdk', 'photo'] });
  assert.equal(result.public_id, 'node/photo');
  assert.equal(result.format, 'jpg');
  assert.equal(result.asset_id.length, 32);
  assert.deepEqual(result.tags, ['photo', 'sdk']);
  done.bytes = result.bytes;

  const url = cloudinary.url('node/photo', {
    format: 'jpg', version: result.version, width: 400, height: 300, crop: 'fill', secure: true,
  });
  assert.match(url, /^https:/);
  const first = await fetched(url);
  assert.equal(first.type, 'image/jpeg');
  assert.deepEqual(jpegSize(first.body), [400, 300]);
  assert.deepEqual((await fetched(url)).body, first.body, 'the same address gave other bytes');
  const signed = cloudinary.url('node/photo', { format: 'jpg', width: 100, crop: 'scale', sign_url: true });
  assert.match(signed, /s--[\w-]{8}--/);
  assert.equal(jpegSize((await fetched(signed)).body)[0], 100);
  assert.deepEqual((await fetched(result.secure_url)).body, fs.readFileSync(photo), 'the original came back changed');

  // Unsigned, without key and secret; as a stream; and as a data URI.
  const unsigned = await cloudinary.uploader.unsigned_upload(photo, preset, { public_id: 'node/unsigned' });
  assert.equal(unsigned.public_id, 'node/unsigned');
  const streamed = await new Promise((resolve, reject) => {
    const sink = cloudinary.uploader.upload_stream({ public_id: 'node/stream' },
      (error, value) => (error ? reject(error) : resolve(value)));
    fs.createReadStream(photo).pipe(sink);
  });
  assert.equal(streamed.etag, result.etag);
  const uri = 'data:text/plain;base64,' + Buffer.from('hello').toString('base64');
  const raw = await cloudinary.uploader.upload(uri, { public_id: 'node/hello.txt', resource_type: 'raw' });
  assert.equal(raw.bytes, 5);
  assert.equal((await fetched(raw.secure_url)).body.toString(), 'hello');

  // Look.
  assert.equal((await cloudinary.api.ping()).status, 'ok');
  const listed = await cloudinary.api.resources({ type: 'upload', prefix: 'node/', tags: true });
  assert.deepEqual(listed.resources.map((item) => item.public_id).sort(), ['node/photo', 'node/stream', 'node/unsigned']);
  assert.ok(listed.rate_limit_allowed > 0 && listed.rate_limit_remaining > 0, 'rate headers are positive');
  const detail = await cloudinary.api.resource('node/photo');
  assert.deepEqual([detail.width, detail.height], [result.width, result.height]);
  assert.equal(detail.derived.length, 2);
  const usage = await cloudinary.api.usage();
  assert.ok(usage.transformations && usage.bandwidth, JSON.stringify(usage));
  await refused(404, () => cloudinary.api.resource('node/nothing'));

  // Remove.
  for (const name of ['node/photo', 'node/unsigned', 'node/stream']) {
    assert.equal((await cloudinary.uploader.destroy(name, { invalidate: true })).result, 'ok');
  }
  assert.equal((await cloudinary.uploader.destroy('node/hello.txt', { resource_type: 'raw' })).result, 'ok');
  assert.equal((await cloudinary.uploader.destroy('node/photo')).result, 'not found');

  // Provision an environment and a key, and use them at once.
  const account = cloudinary.provisioning.account;
  const environment = await account.create_sub_account('Node shop', 'node-shop', { owner: 'node' }, true);
  const own = environment.api_access_keys[0];
  const there = { cloud_name: 'node-shop', api_key: own.key, api_secret: own.secret };
  assert.equal((await cloudinary.api.ping(there)).status, 'ok');
  const key = await account.generate_access_key(environment.id, { name: 'second', enabled: true });
  assert.deepEqual(Object.keys(key),
    ['name', 'api_key', 'api_secret', 'created_at', 'updated_at', 'enabled', 'root']);
  const second = { cloud_name: 'node-shop', api_key: key.api_key, api_secret: key.api_secret };
  assert.equal((await cloudinary.uploader.upload(photo, { public_id: 'own', ...second })).public_id, 'own');
  const keys = await account.access_keys(environment.id);
  assert.deepEqual(Object.keys(keys), ['access_keys', 'total']);
  assert.equal(keys.total, 2);
  assert.equal((await account.update_access_key(environment.id, key.api_key, { enabled: false })).enabled, false);
  await refused(401, () => cloudinary.api.ping(second));
  assert.equal((await cloudinary.api.resources(there)).resources[0].public_id, 'own');
  assert.deepEqual(await account.delete_access_key(environment.id, key.api_key), { message: 'ok' });
  assert.equal((await account.sub_account(environment.id)).cloud_name, 'node-shop');
  assert.deepEqual(await account.delete_sub_account(environment.id), { message: 'ok' });
  await refused(401, () => cloudinary.api.ping(there));

  console.log(JSON.stringify(done));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
