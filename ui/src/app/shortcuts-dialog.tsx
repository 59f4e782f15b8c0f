// The list of keyboard shortcuts in force, and the switch for the single-key ones.

import { Dialog } from '../parts/dialog';
import { areShortcutsOn } from './settings';
import { shortcutGroups, type ShortcutGroup } from './shortcuts';
import styles from './shortcuts-dialog.module.css';

const KEY_NAMES: Readonly<Record<string, string>> = {
  ArrowDown: '↓',
  ArrowLeft: '←',
  ArrowRight: '→',
  ArrowUp: '↑',
  Escape: 'Esc',
};

/** Groups of the same title as one, in order of first appearance. */
function merged(groups: readonly ShortcutGroup[]): ShortcutGroup[] {
  const titles = [...new Set(groups.map((group) => group.title))];
  return titles.map((title) => ({ title, shortcuts: groups.filter((group) => group.title === title).flatMap((group) => group.shortcuts) }));
}

export function ShortcutsDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <div class={styles.groups}>
        {merged(shortcutGroups.value).map((group) => (
          <section key={group.title}>
            <h3>{group.title}</h3>
            <ul>
              {group.shortcuts.map((shortcut) => (
                <li key={shortcut.label} class={styles.row}>
                  <span>{shortcut.label}</span>
                  <span class={styles.keys}>
                    {shortcut.keys.flatMap((keys) => keys.split(' ')).map((key) => (
                      <kbd key={key}>{KEY_NAMES[key] ?? key}</kbd>
                    ))}
                  </span>
                </li>
              ))}
            </ul>
          </section>
        ))}
      </div>
      <label class={styles.option}>
        <input
          type="checkbox"
          checked={areShortcutsOn.value}
          onChange={(event) => {
            areShortcutsOn.value = event.currentTarget.checked;
          }}
        />
        Single-key shortcuts
      </label>
    </Dialog>
  );
}
