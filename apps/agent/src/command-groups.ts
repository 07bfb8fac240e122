import { Help } from 'commander';
import type { Command, HelpConfiguration, Option } from 'commander';

/** How `hikyaku --help` lists the commands, in this order. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  'Start:': ['init', 'validate', 'plan', 'sync', 'run'],
  'See how it goes:': ['status', 'doctor', 'refresh', 'approve'],
  'Change secrets where they are kept:': ['list', 'set', 'unset', 'edit'],
  'Sealed credentials and keys:': ['seal', 'unseal', 'rewrap', 'recipients', 'identity', 'lint', 'exposure'],
  'Install, rights, leaving:': ['manifests', 'grants', 'rights', 'release'],
  'Editors and development:': ['schema', 'conformance'],
};

const NAMES = Object.values(GROUPS).flat();

/** Under its heading; one that is in no group is listed last, as commander does it. */
export function grouped(command: Command): Command {
  const heading = Object.keys(GROUPS).find((group) => GROUPS[group]?.includes(command.name()));
  return heading === undefined ? command : command.helpGroup(heading);
}

export const groupsInOrder: HelpConfiguration = {
  visibleCommands: (command) => new Help().visibleCommands(command).toSorted(byPlace),
  // Of what is shown, in its order; commander's own goes by the order in which commands were added.
  groupItems: <Item extends Command | Option>(_: Item[], visible: Item[], groupOf: (item: Item) => string) =>
    Map.groupBy(visible, groupOf),
};

function byPlace(one: Command, other: Command): number {
  return placeOf(one) - placeOf(other);
}

function placeOf(command: Command): number {
  const place = NAMES.indexOf(command.name());
  return place === -1 ? NAMES.length : place;
}
