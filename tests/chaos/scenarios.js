/** The one list of scenarios, in the order in which they are played. */
import * as clockJumps from './scenarios/clock_jumps.js';
import * as cutsPlatforms from './scenarios/cuts_platforms.js';
import * as cutsPostgres from './scenarios/cuts_postgres.js';
import * as diskFull from './scenarios/disk_full.js';
import * as duplicateStorm from './scenarios/duplicate_storm.js';
import * as freeze from './scenarios/freeze.js';
import * as freezeInstance from './scenarios/freeze_instance.js';
import * as isolationFlood from './scenarios/isolation_flood.js';
import * as isolationHang from './scenarios/isolation_hang.js';
import * as kafkaEverything from './scenarios/kafka_everything.js';
import * as kafkaFreeze from './scenarios/kafka_freeze.js';
import * as kafkaInstances from './scenarios/kafka_instances.js';
import * as kafkaKill9 from './scenarios/kafka_kill9.js';
import * as kafkaNoDatabase from './scenarios/kafka_no_database.js';
import * as kafkaRestart from './scenarios/kafka_restart.js';
import * as kill9 from './scenarios/kill9.js';
import * as kill9Instance from './scenarios/kill9_instance.js';
import * as poisonEvents from './scenarios/poison_events.js';
import * as postgresDiskFull from './scenarios/postgres_disk_full.js';
import * as postgresRestart from './scenarios/postgres_restart.js';
import * as redisFaults from './scenarios/redis_faults.js';
import * as slowTargets from './scenarios/slow_targets.js';
import * as standbyPromotion from './scenarios/standby_promotion.js';

/**
 * @typedef {object} Scenario
 * @property {string} name
 * @property {string} line                                     what is done, in one line
 * @property {boolean} [isLong]                                not in the short form
 * @property {(stage: import('./stage.js').Stage) => Promise<void>} run
 */

/** @type {Scenario[]} */
export const scenarios = [
  kill9, kill9Instance, freeze, freezeInstance, cutsPlatforms, cutsPostgres, postgresRestart, standbyPromotion, diskFull,
  postgresDiskFull, clockJumps, redisFaults, kafkaRestart, kafkaFreeze, kafkaKill9, kafkaNoDatabase, kafkaInstances, kafkaEverything, slowTargets,
  duplicateStorm, poisonEvents, isolationHang, isolationFlood,
];
