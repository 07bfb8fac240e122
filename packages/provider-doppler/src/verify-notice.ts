import type { Notice, NoticeVerdict, SecretValue } from '@hikyaku/core';
import { verifySignedNotice } from '@hikyaku/provider-utils';

/**
 * Whether Doppler sent it: `X-Doppler-Signature: sha256=<hex HMAC-SHA256 of the body>` (https://docs.doppler.com/docs/webhooks). Its body is
 * not looked at, as a custom payload may replace it. There is no time in it, so that whoever saw one can send it again.
 */
export function verifyNotice(notice: Notice, secret: SecretValue): NoticeVerdict {
  return verifySignedNotice(notice, { header: 'x-doppler-signature', secret });
}
