// What editors do all day with the official Node SDK: tags, context, names, folders, bulk deletion, remote files.
//
// Everything about the server comes from the environment. Arguments: the photo, and the address of a remote picture.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const cloudinary = require('cloudinary').v2;

const [photo, remote] = process.argv.slice(2);
const { uploader, api } = cloudinary;
const ids = (listing) => listing.resources.map((item) => item.public_id);

async function refused(status, part, call) {
  try {
    await call();
  } catch (refusal) {
    const inner = refusal.error ?? refusal;
    assert.equal(inner.http_code, status, JSON.stringify(refusal));
    assert.ok(inner.message.includes(part), inner.message);
    return;
  }
  assert.fail(`not refused with ${status}`);
}

async function main() {
  for (const name of ['life/a', 'life/b', 'life/c']) {
    await uploader.upload(photo, { public_id: name, asset_folder: 'holidays', context: { alt: 'Käse | = Brot' } });
  }

  // Tags.
  assert.deepEqual((await uploader.add_tag('sea', ['life/a', 'life/b', 'life/nobody'])).public_ids, ['life/a', 'life/b']);
  await uploader.add_tag(['beach', 'sun'], ['life/a']);
  assert.deepEqual((await api.resource('life/a')).tags, ['beach', 'sea', 'sun']);
  assert.deepEqual(ids(await api.resources_by_tag('sea')), ['life/b', 'life/a']);
  assert.deepEqual((await api.tags({ prefix: 's' })).tags, ['sea', 'sun']);
  await uploader.remove_tag('sun', ['life/a']);
  await uploader.replace_tag('land', ['life/b']);
  // This SDK takes an option `exclusive` and sends `add` all the same.
  await uploader.remove_tag('sea', ['life/a']);
  await uploader.add_tag('sea', ['life/b']);
  assert.deepEqual(ids(await api.resources_by_tag('sea')), ['life/b']);
  await uploader.remove_all_tags(['life/b']);
  assert.equal((await api.resource('life/b')).tags, undefined);

  // Context.
  assert.deepEqual((await api.resource('life/a')).context, { custom: { alt: 'Käse | = Brot' } });
  await uploader.add_context('place=Kiel', ['life/a']);
  assert.deepEqual(ids(await api.resources_by_context('place', 'Kiel')), ['life/a']);
  await uploader.remove_all_context(['life/c']);
  assert.deepEqual(ids(await api.resources_by_context('alt')), ['life/b', 'life/a']);

  // Update, and look by folder and by ids.
  const changed = await api.update('life/a', { tags: 'one,two', asset_folder: 'holidays/2026', display_name: 'A' });
  assert.deepEqual(changed.tags, ['one', 'two']);
  assert.equal(changed.asset_folder, 'holidays/2026');
  const byFolder = await api.resources_by_asset_folder('holidays', { fields: ['asset_folder', 'tags'] });
  assert.deepEqual(ids(byFolder), ['life/c', 'life/b']);
  assert.equal(byFolder.total_count, 2);
  assert.equal((await api.resource_by_asset_id(changed.asset_id)).public_id, 'life/a');
  assert.deepEqual(ids(await api.resources_by_asset_ids([changed.asset_id])), ['life/a']);
  assert.deepEqual(ids(await api.resources_by_ids(['life/b', 'life/nobody'])), ['life/b']);
  const page = await api.resources({ type: 'upload', prefix: 'life/', max_results: 2 });
  assert.deepEqual(ids(page), ['life/a', 'life/b']);
  const rest = await api.resources({ type: 'upload', prefix: 'life/', max_results: 2, next_cursor: page.next_cursor });
  assert.deepEqual(ids(rest), ['life/c']);

  // Upload parameters for what is there.
  assert.deepEqual((await uploader.explicit('life/a', { type: 'upload', tags: ['three'] })).tags, ['three']);
  await refused(404, 'Resource not found', () => uploader.explicit('life/nobody', { type: 'upload' }));

  // Another name.
  const renamed = await uploader.rename('life/c', 'life/d');
  await refused(400, 'already exists', () => uploader.rename('life/d', 'life/a'));
  await refused(404, 'Resource not found', () => uploader.rename('life/c', 'life/e'));
  assert.equal((await uploader.rename('life/d', 'life/b', { overwrite: true })).asset_id, renamed.asset_id);

  // Folders.
  assert.equal((await api.create_folder('albums/2026/spring')).path, 'albums/2026/spring');
  assert.ok((await api.root_folders()).folders.some((item) => item.name === 'albums'));
  assert.deepEqual((await api.sub_folders('albums/2026')).folders.map((item) => item.path), ['albums/2026/spring']);
  await api.update('life/b', { asset_folder: 'albums/2026/spring' });
  assert.deepEqual((await api.rename_folder('albums/2026', 'books')).to, { name: 'books', path: 'books' });
  assert.equal((await api.resource('life/b')).asset_folder, 'books/spring');
  await api.update('life/b', { asset_folder: 'holidays' });
  assert.deepEqual((await api.delete_folder('books')).deleted, ['books', 'books/spring']);
  await refused(404, "Can't find folder with path books", () => api.sub_folders('books'));

  // Mappings.
  assert.equal((await api.create_upload_mapping('mapped', { template: 'https://www.example.com/' })).message, 'created');
  assert.equal((await api.upload_mapping('mapped')).template, 'https://www.example.com/');
  await api.update_upload_mapping('mapped', { template: 'https://images.example.com/' });
  assert.equal((await api.upload_mappings()).mappings[0].template, 'https://images.example.com/');
  assert.equal((await api.delete_upload_mapping('mapped')).message, 'deleted');

  // Presets.
  const made = await api.create_upload_preset({
    name: 'life', unsigned: true, folder: 'inbox', tags: ['x', 'y'], context: { a: 'b' },
  });
  assert.equal(made.name, 'life');
  const preset = await api.upload_preset('life');
  assert.equal(preset.unsigned, true);
  assert.deepEqual(preset.settings.tags, ['x', 'y']);
  assert.deepEqual(preset.settings.context, { a: 'b' });
  const note = await uploader.unsigned_upload(photo, 'life', { public_id: 'note' });
  assert.equal(note.public_id, 'inbox/note');
  assert.equal((await api.update_upload_preset('life', { ...preset.settings, tags: ['z'], unsigned: false })).message, 'updated');
  assert.equal((await api.upload_presets()).presets[0].name, 'life');
  const signed = await uploader.upload(photo, { upload_preset: 'life', public_id: 'signed' });
  assert.deepEqual(signed.tags, ['z']);
  assert.equal((await api.delete_upload_preset('life')).message, 'deleted');
  await refused(404, 'not found', () => api.upload_preset('life'));
  await api.delete_resources_by_prefix('inbox/');

  // A large file in chunks, from a file and from a stream.
  const large = path.join(os.tmpdir(), `large-${process.pid}.bin`);
  fs.writeFileSync(large, Buffer.alloc(12_800_000, 'abcdefg'));
  const stored = await new Promise((resolve, reject) => {
    uploader.upload_large(
      large,
      { public_id: 'life/large.bin', resource_type: 'raw', chunk_size: 6_000_000 },
      (error, result) => (error ? reject(error) : resolve(result)),
    );
  });
  assert.equal(stored.bytes, 12_800_000);
  const streamed = await new Promise((resolve, reject) => {
    const stream = uploader.upload_chunked_stream(
      { public_id: 'life/stream.bin', resource_type: 'raw', chunk_size: 6_000_000 },
      (error, result) => (error ? reject(error) : resolve(result)),
    );
    fs.createReadStream(large).pipe(stream);
  });
  assert.equal(streamed.etag, stored.etag);
  fs.unlinkSync(large);
  for (const name of ['life/large.bin', 'life/stream.bin']) {
    assert.equal((await uploader.destroy(name, { resource_type: 'raw' })).result, 'ok');
  }

  // What belongs together.
  const related = await api.add_related_assets('life/a', ['image/upload/life/b', 'image/upload/life/nobody']);
  assert.deepEqual([...related.success, ...related.failed].map((item) => item.code), ['success_ids', 'non_existing_ids']);
  assert.deepEqual((await api.resource('life/b', { related: true })).related_assets.map((item) => item.public_id), ['life/a']);
  const assetIds = await Promise.all(['life/a', 'life/b'].map(async (name) => (await api.resource(name)).asset_id));
  assert.equal((await api.delete_related_assets_by_asset_id(assetIds[0], [assetIds[1]])).success.length, 1);
  assert.equal((await api.add_related_assets_by_asset_id(assetIds[0], [assetIds[1]])).success.length, 1);
  assert.equal((await api.delete_related_assets('life/b', ['image/upload/life/a'])).success.length, 1);

  // What people look at.
  await uploader.upload(photo, { public_id: 'life/queue', moderation: 'manual' });
  assert.deepEqual(ids(await api.resources_by_moderation('manual', 'pending')), ['life/queue']);
  assert.equal((await api.update('life/queue', { moderation_status: 'approved' })).moderation_status, 'approved');
  assert.deepEqual(ids(await api.resources_by_moderation('manual', 'approved')), ['life/queue']);
  await api.delete_resources(['life/queue']);

  // Structured metadata.
  const colours = { values: [{ external_id: 'nr', value: 'Red' }, { external_id: 'nb', value: 'Blue' }] };
  await api.add_metadata_field({ type: 'set', label: 'Colours', external_id: 'ncolours', datasource: colours });
  await api.add_metadata_field({ type: 'date', label: 'Day', external_id: 'nday' });
  assert.equal((await api.metadata_field_by_field_id('nday')).type, 'date');
  assert.deepEqual((await api.list_metadata_fields()).metadata_fields.map((field) => field.external_id), ['ncolours', 'nday']);
  assert.equal((await api.update_metadata_field('nday', { label: 'Date' })).label, 'Date');
  assert.equal((await api.update_metadata_field_datasource('ncolours', { values: [{ external_id: 'ng', value: 'Green' }] })).values.length, 3);
  assert.equal((await api.delete_datasource_entries('ncolours', ['ng'])).values.length, 2);
  assert.equal((await api.restore_metadata_field_datasource('ncolours', ['ng'])).values.length, 3);
  assert.equal((await api.order_metadata_field_datasource('ncolours', 'value', 'asc')).values[0].value, 'Blue');
  assert.equal((await api.reorder_metadata_fields('label', 'desc')).metadata_fields[0].external_id, 'nday');
  const described = await uploader.upload(photo, { public_id: 'life/m', metadata: { ncolours: ['nr', 'nb'], nday: '2026-11-27' } });
  assert.deepEqual(described.metadata, { ncolours: ['nr', 'nb'], nday: '2026-11-27' });
  assert.deepEqual((await uploader.update_metadata({ ncolours: ['ng'] }, ['life/m'])).public_ids, ['life/m']);
  assert.deepEqual((await api.resource('life/m')).metadata, { ncolours: ['ng'], nday: '2026-11-27' });
  const rule = await api.add_metadata_rule({
    metadata_field_id: 'ncolours',
    name: 'few',
    condition: { metadata_field_id: 'nday', populated: true },
    result: { enable: true, activate_values: 'all' },
  });
  assert.equal((await api.list_metadata_rules()).metadata_rules[0].external_id, rule.external_id);
  assert.equal((await api.update_metadata_rule(rule.external_id, { name: 'all' })).name, 'all');
  assert.equal((await api.delete_metadata_rule(rule.external_id)).success, true);
  assert.equal((await api.delete_metadata_field('ncolours')).message, 'ok');
  assert.equal((await api.delete_metadata_field('nday')).message, 'ok');
  await uploader.destroy('life/m');

  // Named transformations, and the record of every other.
  const eager = { crop: 'scale', width: 104 };
  await uploader.upload(photo, { public_id: 'life/t', eager: [eager] });
  const known = (await api.transformations({ max_results: 500 })).transformations.find((one) => one.name === 'c_scale,w_104');
  assert.deepEqual([known.used, known.named, known.allowed_for_strict], [true, false, false]);
  for (const said of ['c_scale,w_104', eager]) {
    const detail = await api.transformation(said);
    assert.deepEqual(detail.info, [eager]);
    assert.deepEqual(detail.derived.map((one) => one.public_id), ['life/t']);
  }
  await api.update_transformation('c_scale,w_104', { allowed_for_strict: true });
  assert.equal((await api.transformation('c_scale,w_104')).allowed_for_strict, true);
  assert.equal((await api.create_transformation('node_named', { crop: 'scale', width: 105 })).message, 'created');
  await api.update_transformation('node_named', { unsafe_update: { crop: 'scale', width: 106 } });
  assert.deepEqual((await api.transformation('node_named')).info, [{ crop: 'scale', width: 106 }]);
  const byName = await fetch(cloudinary.url('life/t', { transformation: 'node_named', format: 'jpg', secure: false }));
  assert.equal(byName.status, 200, byName.headers.get('x-cld-error'));
  assert.deepEqual((await api.transformations({ named: true })).transformations.map((one) => one.name), ['t_node_named']);
  for (const gone of ['node_named', eager]) {
    assert.equal((await api.delete_transformation(gone)).message, 'deleted');
    await assert.rejects(api.transformation(gone), ({ error }) => error.http_code === 404);
  }
  await uploader.destroy('life/t');

  // Streaming profiles.
  const square = [{ transformation: { crop: 'limit', width: 1200, height: 1200, bit_rate: '5m' } }];
  const profile = await api.create_streaming_profile('node_square', { representations: square });
  const renditions = [{ transformation: [{ bit_rate: '5m', crop: 'limit', height: 1200, width: 1200 }] }];
  assert.deepEqual(profile.data.representations, renditions);
  assert.ok((await api.list_streaming_profiles()).data.some((one) => one.name === 'node_square' && !one.predefined));
  assert.deepEqual((await api.get_streaming_profile('node_square')).data.representations, renditions);
  const other = await api.update_streaming_profile('node_square', { representations: [{ transformation: { width: 5 } }] });
  assert.deepEqual(other.data.representations, [{ transformation: [{ width: 5 }] }]);
  assert.equal((await api.delete_streaming_profile('node_square')).message, 'deleted');
  await assert.rejects(api.get_streaming_profile('node_square'), ({ error }) => error.http_code === 404);

  // A remote picture, uploaded and fetched.
  const copied = await uploader.upload(remote, { public_id: 'life/remote' });
  const fetched = await fetch(cloudinary.url(remote, { type: 'fetch', secure: false }));
  assert.equal(fetched.status, 200, fetched.headers.get('x-cld-error'));
  assert.equal((await fetched.arrayBuffer()).byteLength, copied.bytes);
  const scaled = await fetch(cloudinary.url(remote, { type: 'fetch', width: 50, crop: 'scale', secure: false }));
  assert.equal(scaled.headers.get('content-type'), 'image/jpeg');

  // Derived assets, and the end.
  const { derived } = await api.resource(remote, { type: 'fetch' });
  assert.deepEqual(derived.map((item) => item.transformation), ['c_scale,w_50']);
  assert.deepEqual((await api.delete_derived_resources([derived[0].id])).deleted, { [derived[0].id]: 'deleted' });
  assert.deepEqual((await api.resource_types()).resource_types, ['image', 'raw', 'video']);
  assert.equal((await api.config({ settings: true })).settings.folder_mode, 'dynamic');
  const extra = await uploader.upload(photo, { public_id: 'life/extra', eager: [{ width: 20, crop: 'scale' }] });
  const derivedGone = await api.delete_derived_by_transformation('life/extra', [{ width: 20, crop: 'scale' }]);
  assert.deepEqual(derivedGone.deleted_counts['life/extra'], { original: 0, derived: 1 });

  // Streams and parts by every way there is, and forms that a browser sends.
  const settled = (begin) => new Promise((done, failed) => begin((error, result) => (error ? failed(error) : done(result))));
  const unsigned = await api.create_upload_preset({ name: 'life_form', unsigned: true, folder: 'life' });
  const taken = [
    await settled((done) => fs.createReadStream(photo).pipe(uploader.unsigned_upload_stream(unsigned.name, {}, done))),
    await settled((done) => uploader.upload_chunked(photo, { resource_type: 'image', public_id: 'life/parts' }, done)),
  ];
  const posted = (address, fields) => {
    const form = new FormData();
    Object.entries(fields).forEach(([name, value]) => form.append(name, String(value)));
    form.append('file', new Blob([fs.readFileSync(photo)]), 'form.jpg');
    return fetch(address, { method: 'POST', body: form, redirect: 'manual' });
  };
  const fields = JSON.parse(uploader.upload_tag_params({ public_id: 'life/form' }));
  taken.push(await (await posted(uploader.upload_url(), fields)).json());
  const tag = uploader.unsigned_image_upload_tag('photo', unsigned.name);
  assert.ok(tag.includes(unsigned.name) && uploader.image_upload_tag('photo').includes('data-form-data'), tag);
  const direct = uploader.direct_upload('https://example.com/done', { public_id: 'life/direct' });
  const callback = await posted(direct.form_attrs.action, direct.hidden_fields);
  assert.ok([200, 302].includes(callback.status), `${callback.status} ${await callback.text()}`);
  taken.push(await api.resource('life/direct'));
  assert.ok(taken.every((stored) => stored.etag === extra.etag), JSON.stringify(taken));
  await api.delete_upload_preset(unsigned.name);
  const byIds = await api.delete_resources_by_asset_ids([extra, ...taken].map((stored) => stored.asset_id));
  assert.equal(Object.values(byIds.deleted).filter((outcome) => outcome === 'deleted').length, 5);
  const gone = await api.delete_resources(['life/a', 'life/nobody']);
  assert.deepEqual(gone.deleted, { 'life/a': 'deleted', 'life/nobody': 'not_found' });
  assert.deepEqual(gone.deleted_counts['life/a'], { original: 1, derived: 0 });
  await uploader.add_tag('end', ['life/b']);
  assert.deepEqual((await api.delete_resources_by_tag('end')).deleted, { 'life/b': 'deleted' });
  assert.deepEqual((await api.delete_resources_by_prefix('life/')).deleted, { 'life/remote': 'deleted' });
  assert.deepEqual((await api.delete_all_resources({ type: 'fetch' })).deleted, { [remote]: 'deleted' });
  console.log(JSON.stringify({}));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
