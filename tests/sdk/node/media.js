// Video and audio, and who may have what, with the official Node SDK: clips whole and in parts, access rules, access modes, publishing.
//
// Everything about the server comes from the environment. Arguments: the photo, a clip and a tone.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const cloudinary = require('cloudinary').v2;

const [photo, clip, tone] = process.argv.slice(2);
const { uploader, api } = cloudinary;
const address = (publicId, options = {}) => cloudinary.url(publicId, { secure: false, ...options });
const status = async (url) => (await fetch(url)).status;
const ids = (list) => list.map((item) => item.public_id).sort();

async function main() {
  const bytes = fs.readFileSync(clip);

  // Clips and tones.
  const stored = await uploader.upload(clip, { public_id: 'media/clip', resource_type: 'video' });
  assert.deepEqual([stored.format, stored.width, stored.height, stored.is_audio], ['mp4', 320, 180, false]);
  const whole = await fetch(address('media/clip.mp4', { resource_type: 'video' }));
  assert.deepEqual(Buffer.from(await whole.arrayBuffer()), bytes);
  const part = await fetch(stored.url, { headers: { range: 'bytes=-10' } });
  assert.deepEqual([part.status, Buffer.from(await part.arrayBuffer())], [206, bytes.subarray(-10)]);
  const heard = await uploader.upload(tone, { public_id: 'media/tone', resource_type: 'auto' });
  assert.deepEqual([heard.resource_type, heard.format, heard.is_audio], ['video', 'mp3', true]);
  const streamed = await new Promise((done, failed) => {
    const settle = (error, result) => (error ? failed(error) : done(result));
    const stream = uploader.upload_chunked_stream({ public_id: 'media/large', resource_type: 'video' }, settle);
    fs.createReadStream(clip).pipe(stream);
  });
  assert.equal(streamed.etag, stored.etag);
  assert.deepEqual((await api.resource('media/clip', { resource_type: 'video' })).video, stored.video);

  // What a picture shows.
  const shown = await uploader.upload(photo, { public_id: 'media/shown', colors: true, phash: true, media_metadata: true });
  const detail = await api.resource('media/shown', { colors: true, phash: true, media_metadata: true });
  for (const name of ['colors', 'predominant', 'phash', 'media_metadata']) {
    assert.deepEqual(detail[name], shown[name]);
  }
  assert.equal(shown.media_metadata.Colorspace, 'RGB');

  // Access rules.
  const end = new Date(Date.now() - 3600_000).toISOString();
  await uploader.upload(photo, { public_id: 'media/late', access_control: { access_type: 'anonymous', end } });
  assert.equal(await status(address('media/late.jpg')), 401);
  await api.update('media/late', { access_control: [{ access_type: 'token' }] });
  assert.equal(await status(address('media/late.jpg', { sign_url: true })), 200);

  // Access modes.
  for (const [name, tag] of [['media/m1', 'x'], ['media/m2', 'tagged'], ['media/n', 'x']]) {
    await uploader.upload(photo, { public_id: name, tags: [tag] });
  }
  const byIds = await api.update_resources_access_mode_by_ids('authenticated', ['media/m1']);
  assert.deepEqual([ids(byIds.updated), byIds.updated[0].access_mode], [['media/m1'], 'authenticated']);
  const byTag = await api.update_resources_access_mode_by_tag('authenticated', 'tagged');
  assert.deepEqual(ids(byTag.updated), ['media/m2']);
  assert.deepEqual([await status(address('media/m1.jpg')), await status(address('media/m2.jpg'))], [401, 401]);
  const byPrefix = await api.update_resources_access_mode_by_prefix('public', 'media/m');
  assert.deepEqual(ids(byPrefix.updated), ['media/m1', 'media/m2']);
  assert.deepEqual([await status(address('media/m1.jpg')), await status(address('media/m2.jpg'))], [200, 200]);

  // What was private is published.
  for (const [name, tag] of [['media/p1', 'x'], ['media/p2', 'open'], ['media/q', 'x']]) {
    await uploader.upload(photo, { public_id: name, type: 'private', tags: [tag] });
  }
  assert.deepEqual(ids((await api.publish_by_ids(['media/p1', 'media/nobody'])).published), ['media/p1']);
  assert.deepEqual(ids((await api.publish_by_tag('open')).published), ['media/p2']);
  assert.deepEqual(ids((await api.publish_by_prefix('media/', { type: 'authenticated' })).published), []);
  assert.deepEqual(ids((await api.publish_by_prefix('media/', { overwrite: true })).published), ['media/q']);
  assert.equal(await status(address('media/q.jpg')), 200);
  for (const resource_type of ['image', 'video']) {
    await api.delete_resources_by_prefix('media/', { resource_type });
  }
  console.log(JSON.stringify({}));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
