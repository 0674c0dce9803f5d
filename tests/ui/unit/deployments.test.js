import test from 'node:test';
import assert from 'node:assert/strict';
import { routing, versions, lane, changes, countsByStatus, openAndAll, pollersByBuild, versionQuery } from '../../../ui-static/js/model/deployments.js';

const at = (minute) => `2026-01-01T00:${String(minute).padStart(2, '0')}:00Z`;
const ms = (minute) => Date.parse(at(minute));
const version = (buildId) => ({ buildId, deploymentName: 'd' });
const summary = (buildId, more) => ({ deploymentVersion: version(buildId), createTime: at(0), ...more });

test('the share of traffic: nothing, a current, a ramp, a ramp to unversioned', () => {
  assert.deepEqual(routing({}), { current: { build: '', percent: 100, since: null }, ramp: null });
  assert.equal(routing({ currentDeploymentVersion: version('1') }).current.percent, 100);
  const ramped = routing({ currentDeploymentVersion: version('1'), rampingDeploymentVersion: version('2'), rampingVersionPercentage: 25 });
  assert.deepEqual([ramped.current.percent, ramped.ramp.build, ramped.ramp.percent], [75, '2', 25]);
  const none = routing({ currentDeploymentVersion: version('1'), rampingVersion: '__unversioned__', rampingVersionPercentage: 10 });
  assert.deepEqual([none.ramp.build, none.ramp.percent], ['', 10]);
  assert.equal(routing({ currentVersion: '__unversioned__', rampingVersion: '' }).ramp, null);
  assert.equal(routing({ rampingDeploymentVersion: version('2') }).ramp.percent, 0); /* a ramp of 0 % is one */
});

const INFO = {
  routingConfig: { currentDeploymentVersion: version('2'), rampingDeploymentVersion: version('3'), rampingVersionPercentage: 5 },
  versionSummaries: [
    summary('3', { status: 'WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING', rampingSinceTime: at(30), firstActivationTime: at(30), routingUpdateTime: at(35) }),
    summary('2', { status: 'WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT', currentSinceTime: at(20), lastCurrentTime: at(20), firstActivationTime: at(10) }),
    summary('1', { status: 'WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED', firstActivationTime: at(1), lastCurrentTime: at(1), lastDeactivationTime: at(20), drainageInfo: { lastChangedTime: at(25) } }),
    summary('0', { status: 'WORKER_DEPLOYMENT_VERSION_STATUS_INACTIVE' }),
  ],
};

test('versions with their shares', () => {
  assert.deepEqual(versions(INFO).map((one) => [one.build, one.status, one.share]), [['3', 'Ramping', 5], ['2', 'Current', 95], ['1', 'Drained', 0], ['0', 'Inactive', 0]]);
  assert.deepEqual(versions(undefined), []);
});

test('lanes of the timeline', () => {
  const [three, two, one, none] = versions(INFO).map((each) => lane(each).spans);
  assert.deepEqual(three, [{ kind: 'ramping', from: ms(30), to: null }]);
  assert.deepEqual(two, [{ kind: 'ramping', from: ms(10), to: ms(20) }, { kind: 'current', from: ms(20), to: null }]);
  assert.deepEqual(one, [{ kind: 'current', from: ms(1), to: ms(20) }, { kind: 'draining', from: ms(20), to: ms(25) }]);
  assert.deepEqual(none, []);
});

test('changes, newest first', () => {
  const found = changes(versions(INFO)).map((one) => `${one.build} ${one.text}`);
  assert.equal(found[0], '3 now takes 5 %');
  assert.ok(found.includes('1 was drained'));
  assert.ok(found.includes('2 began to take traffic'));
});

test('counts by status, whole', () => {
  const group = (name, count) => ({ groupValues: [{ metadata: {}, data: btoa(JSON.stringify(name)) }], count: String(count) });
  const answer = { groups: [group('Running', 2), group('Completed', 5)] };
  assert.deepEqual(countsByStatus(answer), { Running: 2, Completed: 5 });
  assert.deepEqual(openAndAll(answer), { open: 2, all: 7 });
  assert.deepEqual(openAndAll({}), { open: 0, all: 0 });
});

test('pollers of a version, of late', () => {
  const poller = (buildId, lastAccessTime, deploymentName = 'd') => ({ identity: buildId, lastAccessTime, deploymentOptions: { buildId, deploymentName, workerVersioningMode: 'WORKER_VERSIONING_MODE_VERSIONED' } });
  const answer = { pollers: [poller('1', at(10)), poller('2', at(1)), poller('1', at(10), 'other'), { identity: 'none', lastAccessTime: at(10) }] };
  const found = pollersByBuild(answer, 'd', ms(10) + 1000);
  assert.deepEqual(Object.keys(found).sort(), ['', '1']);
  assert.equal(found['1'].length, 1);
});

test('names with quotes stay literals', () => assert.equal(versionQuery('d', 'a"b\\c'), 'TemporalWorkerDeploymentVersion = "d:a\\"b\\\\c"'));
