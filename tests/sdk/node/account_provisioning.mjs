// An organisation with the generated package for account provisioning: environments, keys, users, groups, roles and policies.
// CLOUDINARY_ACCOUNT_URL names the account; argument: the address of the server.

import assert from 'node:assert/strict';
import { CldProvisioning } from '@cloudinary/account-provisioning';

const account = new CldProvisioning({ serverURL: process.argv[2] });

// The package throws the declared error where the answer has its declared status and shape, and a general one otherwise.
async function refused(status, call) {
  try {
    await call();
  } catch (failure) {
    assert.equal(failure.statusCode, status, String(failure));
    assert.equal(failure.name, 'ErrorResponse', String(failure));
    return failure.error.message;
  }
  assert.fail('it was not refused');
}

// Product environments.
const { productEnvironments, accessKeys, users, userGroups, billingUsage } = account;
const made = await productEnvironments.create({ name: 'Generated', cloudName: 'generated', customAttributes: { a: 1 } });
assert.equal(made.cloudName, 'generated');
assert.equal(made.apiAccessKeys.length, 1);
assert.ok(made.createdAt instanceof Date);
const taken = await refused(409, () => productEnvironments.create({ name: 'Again', cloudName: 'generated' }));
assert.match(taken, /generated is already taken/);
const found = await productEnvironments.list({ enabled: true, ids: [made.id] });
assert.deepEqual(found.subAccounts.map((environment) => environment.id), [made.id]);
const subAccountId = made.id;
const renamed = { subAccountId, productEnvironmentUpdateRequest: { name: 'Renamed' } };
assert.equal((await productEnvironments.update(renamed)).name, 'Renamed');
assert.equal((await productEnvironments.get({ subAccountId })).name, 'Renamed');
await refused(404, () => productEnvironments.get({ subAccountId: '0'.repeat(32) }));

// Access keys.
const key = await accessKeys.generate({ subAccountId, accessKeyRequest: { name: 'a b', enabled: true } });
assert.equal(key.name, 'a b');
assert.equal((await accessKeys.list({ subAccountId, pageSize: 1, page: 2 })).total, 2);
const off = { subAccountId, key: key.apiKey, accessKeyUpdateRequest: { enabled: false } };
assert.equal((await accessKeys.update(off)).enabled, false);
assert.equal((await accessKeys.deleteByName({ subAccountId, name: 'a b' })).message, 'ok');
await refused(404, () => accessKeys.delete({ subAccountId, key: key.apiKey }));

// Users and groups.
const user = await users.create({ name: 'Grace Hopper', email: 'grace@example.com', role: 'admin' });
assert.equal(user.pending, true);
const userId = user.id;
assert.equal((await users.get({ userId })).email, 'grace@example.com');
const demoted = await users.update({ userId, userRequest: { role: 'technical_admin', enabled: false } });
assert.equal(demoted.enabled, false);
assert.deepEqual((await users.list({ emails: ['grace@example.com'] })).users.map((one) => one.id), [userId]);
const group = await userGroups.create({ name: 'Compilers' });
const groupId = group.id;
assert.equal((await userGroups.addUser({ groupId, userId })).email, 'grace@example.com');
await refused(409, () => userGroups.addUser({ groupId, userId }));
assert.equal((await userGroups.listUsers({ groupId })).users.length, 1);
const groups = (await users.getGroups({ userId })).groups;
assert.deepEqual(groups.map((one) => [one.id, one.name]), [[groupId, 'Compilers']]);
assert.ok((await users.listSubAccounts({ userId })).subAccounts.length >= 1);
assert.equal((await userGroups.get({ groupId })).name, 'Compilers');
assert.equal((await userGroups.update({ groupId, userGroupRequest: { name: 'Linkers' } })).name, 'Linkers');
assert.ok((await userGroups.list()).userGroups.some((one) => one.id === groupId));
assert.deepEqual((await userGroups.removeUser({ groupId, userId })).users, []);
assert.equal((await userGroups.delete({ groupId })).message, 'ok');
assert.equal((await users.delete({ userId })).message, 'ok');

assert.ok(Array.isArray(await billingUsage.get()));

// What can be known without an account.
const { catalog } = await account.public.getCatalog();
assert.ok(catalog);
assert.ok((await account.public.getSchema()).schema);
const readAssets = 'permit(principal, action == Cloudinary::Action::"read", resource is Cloudinary::Asset);';
assert.equal((await account.public.validatePolicy({ policy: readAssets })).valid, true);
const invalid = await account.public.validatePolicy({ policy: 'permit(principal, action, resource is Nothing);' });
assert.equal(invalid.valid, false);
assert.ok(invalid.errors[0].cedarMessage);

// Policies.
const { systemPolicies, customPolicies, effectivePolicies, roles, principals } = account;
const system = (await systemPolicies.list({ scopeType: 'prodenv', permissionType: 'global' })).data;
assert.ok(system.length > 0);
const statement = { policyStatement: readAssets, scopeType: 'account', name: 'Readers' };
const policy = (await customPolicies.create(statement)).data;
const policyId = policy.id;
assert.equal(policy.enabled, true);
assert.equal((await customPolicies.get({ policyId })).data.name, 'Readers');
assert.ok((await customPolicies.list({ scopeType: 'account' })).data.some((one) => one.id === policyId));
const changed = { ...statement, policyStatement: readAssets.replace('permit', 'forbid'), enabled: false };
assert.equal((await customPolicies.update({ policyId, updateCustomPolicy: changed })).data.enabled, false);
await customPolicies.delete({ policyId });

// Roles, and who has them.
const own = made.apiAccessKeys[0].key;
const role = (await roles.create({
  name: 'Lookers', permissionType: 'global', scopeType: 'prodenv', systemPolicyIds: [system[0].id],
})).data;
const roleId = role.id;
assert.equal(role.managementType, 'custom');
assert.equal((await roles.get({ roleId })).data.name, 'Lookers');
assert.ok((await roles.list({ permissionType: 'global', scopeType: 'prodenv' })).data.some((one) => one.id === roleId));
assert.equal((await roles.update({ roleId, role: { name: 'Watchers' } })).data.name, 'Watchers');
const holder = { principalType: 'apiKey', principalId: own };
await roles.updatePrincipals({ roleId, updateRolePrincipalsRequest: { operation: 'add', principals: [holder] } });
assert.deepEqual((await roles.listPrincipals({ roleId })).data.map((one) => one.id), [own]);
const held = (await principals.listRoles({ ...holder, permissionType: 'global', scopeType: 'prodenv' })).data;
assert.ok(held.some((one) => one.id === roleId));
const inspected = await principals.inspectMultiple({
  scopeType: 'prodenv', scopeId: made.id, principals: [{ type: 'apiKey', id: own }],
});
assert.equal(inspected.data.principals[0].id, own);
assert.ok((await effectivePolicies.list({ ...holder, scopeType: 'prodenv', scopeId: made.id })).data);
await principals.updateRoles({ operation: 'remove', principal: { type: 'apiKey', id: own }, roles: [{ id: roleId }] });
await roles.delete({ roleId });

assert.equal((await productEnvironments.delete({ subAccountId })).message, 'ok');
console.log(JSON.stringify({ environment: made.id }));
