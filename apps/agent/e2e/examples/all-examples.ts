import type { Example, ExpectedSecret } from './example.ts';

const pullSecret = '{"auths":{"ghcr.io":{"auth":"YW5uOnRva2Vu"}}}';
const certificateBytes = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

/** By what `--config` names below examples/. */
export const allExamples: Readonly<Record<string, Example>> = {
  'minimal.yaml': {
    contents: { doppler: { GREETING: 'hello there', EMPTY: '' } },
    secrets: { 'default/app-env': { data: { GREETING: 'hello there', EMPTY: '' }, sources: 'doppler' } },
  },
  'docker-pull-secret.yaml': {
    contents: { registry: { DOCKER_CONFIG_JSON: pullSecret, ANOTHER: 'left out' } },
    secrets: inEach(['web', 'worker', 'jobs'], 'ghcr', {
      data: { '.dockerconfigjson': pullSecret },
      type: 'kubernetes.io/dockerconfigjson',
      sources: 'registry',
    }),
  },
  'many-namespaces.yaml': {
    contents: {
      platform: {
        S3_ENDPOINT: 'https://s3.lan',
        S3_REGION: 'home',
        S3_ADMIN_KEY: 'left out',
        TEAM_A_DB_USER: 'user of a',
        TEAM_A_DB_PASSWORD: 'password of a',
        TEAM_B_DB_USER: 'user of b',
        TEAM_C_DB_USER: 'user of c',
      },
    },
    secrets: {
      ...inEach(['team-a', 'team-b', 'team-c', 'staging-a', 'staging-b', 'staging-c'], 'object-storage', {
        data: { S3_ENDPOINT: 'https://s3.lan', S3_REGION: 'home' },
        sources: 'platform',
      }),
      ...inEach(['team-a', 'staging-a'], 'database', {
        data: { DB_USER: 'user of a', DB_PASSWORD: 'password of a' },
        sources: 'platform',
      }),
      ...inEach(['team-b', 'staging-b'], 'database', { data: { DB_USER: 'user of b' }, sources: 'platform' }),
      ...inEach(['team-c', 'staging-c'], 'database', { data: { DB_USER: 'user of c' }, sources: 'platform' }),
    },
  },
  'homelab.yaml': {
    contents: {
      homelab: {
        DB_PASSWORD: 'päss wörd',
        DB_CONNECTION: '{"host": "db.lan", "port": 5432.0}',
        DB_CLIENT_P12_BASE64: Buffer.from('client p12').toString('base64'),
        DB_TLS: JSON.stringify({ authority: { certificate: Buffer.from(certificateBytes).toString('base64') } }),
        SMTP_HOST: 'smtp.lan',
        SMTP_OLD_HOST: 'left out of mail',
        SMTP__USER_NAME: 'ann at smtp',
      },
      shared: {
        BACKUP_KEY: 'backup password',
        MAIL_DKIM_SELECTOR: 'selector 1',
        MEDIA_LICENCE: 'licence text',
      },
      certificates: { WILDCARD_CRT: certificateBytes, WILDCARD_KEY: 'wildcard key' },
    },
    secrets: {
      'web/web-env': {
        data: {
          DB_PASSWORD: 'päss wörd',
          DB_CONNECTION: '{"host": "db.lan", "port": 5432.0}',
          DB_CLIENT_P12_BASE64: 'Y2xpZW50IHAxMg==',
          DB_TLS: JSON.stringify({ authority: { certificate: Buffer.from(certificateBytes).toString('base64') } }),
          SMTP_HOST: 'smtp.lan',
          SMTP_OLD_HOST: 'left out of mail',
          SMTP__USER_NAME: 'ann at smtp',
        },
        sources: 'homelab',
      },
      ...inEach(['web', 'worker'], 'database', {
        data: {
          password: 'päss wörd',
          host: 'db.lan',
          port: '5432.0',
          'client.p12': 'client p12',
          'ca.crt': certificateBytes,
          'backup-key': 'backup password',
        },
        sources: 'homelab,shared',
      }),
      'web/mail': {
        data: { 'smtp-host': 'smtp.lan', 'smtp--user-name': 'ann at smtp', 'dkim-SELECTOR': 'selector 1' },
        labels: { 'app.kubernetes.io/part-of': 'mail' },
        annotations: { 'app.kubernetes.io/owner': 'ann@example.com' },
        sources: 'homelab,shared',
      },
      'web/mail-dotnet': { data: { Smtp_UserName: 'ann at smtp' }, sources: 'homelab' },
      ...inEach(['web', 'media'], 'wildcard-tls', {
        data: { 'tls.crt': certificateBytes, 'tls.key': 'wildcard key' },
        type: 'kubernetes.io/tls',
        sources: 'certificates',
      }),
      'backup/restic': { data: { password: 'backup password' }, sources: 'shared' },
      'media/licence': { data: { 'licence.txt': 'licence text' }, immutable: true, sources: 'shared' },
    },
  },
  split: {
    contents: {
      homelab: {
        WEB_URL: 'https://web.lan',
        SESSION_KEY: 'session key',
        WORKER_QUEUE_URL: 'amqp://queue.lan',
        WORKER_QUEUE_PASSWORD: 'queue password',
      },
    },
    secrets: {
      'web/web-env': { data: { URL: 'https://web.lan' }, sources: 'homelab' },
      'web/web-session': { data: { key: 'session key' }, sources: 'homelab' },
      'worker/worker-env': {
        data: { QUEUE_URL: 'amqp://queue.lan', QUEUE_PASSWORD: 'queue password' },
        sources: 'homelab',
      },
    },
  },
  'sakura.yaml': {
    contents: {
      shop: {
        'app/LOG_LEVEL': 'debug everything',
        'app/API_TOKEN': 'token of the app',
        'db/password': 'password of db',
        'db/connection': '{"host": "database.lan", "port": 5432}',
        'mail/user': 'user of mail',
        'mail/password': 'password of mail',
      },
      certificates: {
        'shop.example.com/crt': certificateBytes,
        'shop.example.com/key': 'key of the shop',
        truststore: Buffer.from('all trusted ones').toString('base64'),
        unused: 'left out here',
      },
    },
    secrets: {
      'shop/shop-env': {
        data: { LOG_LEVEL: 'debug everything', API_TOKEN: 'token of the app' },
        sources: 'shop',
      },
      ...inEach(['shop', 'worker'], 'shop-database', {
        data: {
          password: 'password of db',
          'previous-password': 'password of db, before',
          host: 'database.lan',
          port: '5432',
        },
        sources: 'shop',
      }),
      'shop/shop-mail': {
        data: { mail_user: 'user of mail', mail_password: 'password of mail' },
        sources: 'shop',
      },
      'shop/shop-tls': {
        data: { 'tls.crt': certificateBytes, 'tls.key': 'key of the shop' },
        type: 'kubernetes.io/tls',
        sources: 'certificates',
      },
      'shop/shop-truststore': { data: { 'truststore.p12': 'all trusted ones' }, sources: 'certificates' },
    },
  },
  'keyless.yaml': {
    contents: {
      shop: { 'db/password': 'password of the vault', 'db/unused': 'left out there' },
      homelab: { GREETING: 'hello by identity' },
    },
    secrets: {
      'web/web-env': { data: { GREETING: 'hello by identity' }, sources: 'homelab' },
      'shop/shop-database': { data: { password: 'password of the vault' }, sources: 'shop' },
    },
  },
  'clusters.yaml': {
    contents: {
      homelab: { GREETING: 'hello everywhere', NAS_HOME: 'key of the nas at home', NAS_CABIN: 'left out at home' },
      media: { LICENCE: 'licence of home' },
    },
    secrets: {
      'web/web-env': { data: { GREETING: 'hello everywhere' }, sources: 'homelab' },
      'backup/nas': { data: { key: 'key of the nas at home' }, sources: 'homelab' },
      'media/media-env': { data: { LICENCE: 'licence of home' }, sources: 'media' },
    },
  },
  'webhook.yaml': {
    contents: {
      nas: {
        'web-LOG_LEVEL': 'debug everything',
        'web-API_TOKEN': 'token of the app',
        'db/password': 'password of db',
        'db/connection': '{"host": "database.lan", "port": 5432.0}',
        unused: 'left out here',
      },
      inventory: { licence: 'licence text', 'another licence': 'left out here' },
    },
    secrets: {
      'web/webhook-env': {
        data: { LOG_LEVEL: 'debug everything', API_TOKEN: 'token of the app' },
        sources: 'nas',
      },
      ...inEach(['web', 'worker'], 'webhook-database', {
        data: { password: 'password of db', port: '5432.0', 'licence.txt': 'licence text' },
        sources: 'inventory,nas',
      }),
    },
  },
  'protocol.yaml': {
    contents: { nas: { GREETING: 'good morning', DB_PASSWORD: 'password of db' } },
    secrets: {
      'default/app-env': { data: { GREETING: 'good morning', DB_PASSWORD: 'password of db' }, sources: 'nas' },
    },
  },
  'file.yaml': {
    contents: {},
    secrets: {
      'web/file-env': {
        data: {
          LOG_LEVEL: 'info',
          GREETING: 'hello,\nworld',
          SESSION_KEY: 'not a real one # and this is no comment',
        },
        sources: 'app',
      },
      ...inEach(['web', 'worker'], 'file-database', {
        data: { password: 'not a real one', host: 'db.lan', port: '5432', 'log-level': 'info' },
        sources: 'app,shared',
      }),
      'web/file-tls': {
        data: { 'tls.crt': 'not a real certificate\n', 'tls.key': 'not a real key\n' },
        type: 'kubernetes.io/tls',
        sources: 'tls',
      },
    },
  },
  'kubernetes.yaml': {
    contents: {
      hub: {
        'smtp/host': 'smtp.example.com',
        'smtp/password': 'password of smtp',
        'object-storage/bucket': 'bucket of the hub',
        'object-storage/secret-key': 'key of the bucket',
      },
      certificates: { 'wildcard-tls/tls.crt': certificateBytes, 'wildcard-tls/tls.key': 'wildcard key' },
    },
    secrets: {
      ...inEach(['web', 'media'], 'wildcard-tls', {
        data: { 'tls.crt': certificateBytes, 'tls.key': 'wildcard key' },
        type: 'kubernetes.io/tls',
        sources: 'certificates',
      }),
      'media/object-storage': {
        data: { bucket: 'bucket of the hub', 'secret-key': 'key of the bucket' },
        sources: 'hub',
      },
      'web/mail': {
        data: { host: 'smtp.example.com', password: 'password of smtp', bucket: 'bucket of the hub' },
        sources: 'hub',
      },
    },
  },
  'push.yaml': {
    contents: { house: { ADMIN_PASSWORD: 'changed there', MAIL_PASSWORD: 'password of mail' } },
    given: {
      'databases/app-db': { username: 'user of db', password: 'password of db', host: 'not pushed' },
      'web/wildcard-tls': { 'tls.crt': certificateBytes, 'tls.key': 'not pushed either' },
      'web/admin': { password: 'made in the cluster' },
    },
    secrets: { 'web/app-mail': { data: { password: 'password of mail' }, sources: 'house' } },
    pushed: {
      house: {
        ADMIN_PASSWORD: 'changed there',
        MAIL_PASSWORD: 'password of mail',
        APP_DB_USER: 'user of db',
        APP_DB_PASSWORD: 'password of db',
        WILDCARD_CRT: certificateBytes,
      },
    },
  },
  'plugin/hikyaku.yaml': {
    contents: { vault: { DB_USER: 'user of db', DB_PASSWORD: 'password of db' } },
    secrets: {
      'web/web-env': { data: { DB_USER: 'user of db', DB_PASSWORD: 'password of db' }, sources: 'vault' },
    },
  },
};

function inEach(where: readonly string[], name: string, secret: ExpectedSecret): Record<string, ExpectedSecret> {
  return Object.fromEntries(where.map((namespace) => [`${namespace}/${name}`, secret]));
}
