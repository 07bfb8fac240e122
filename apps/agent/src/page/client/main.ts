import { followPage } from './follow-page.ts';
import { openLinked } from './open-linked.ts';
import { offerCopies } from './offer-copies.ts';
import { SecretFilter } from './secret-filter.ts';
import { Times } from './times.ts';

const times = new Times();
const filter = new SecretFilter();
const dress = (part: ParentNode) => {
  times.fill(part);
  offerCopies(part);
};

dress(document);
filter.start();
openLinked(filter);
followPage({ times, dress, onChanged: () => filter.apply() });
