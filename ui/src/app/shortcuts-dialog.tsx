// The list of keyboard shortcuts in force, and the switch for the single-key ones.

import { Dialog } from '../parts/dialog';
import { areShortcutsOn } from './settings';
import { shortcutGroups } from './shortcuts';
import styles from './shortcuts-dialog.module.css';

const KEY_NAMES: Readonly<Record<string, string>> = {
  ArrowDown: '↓',
  ArrowLeft: '←',
  ArrowRight: '→',
  ArrowUp: '↑',
  Escape: 'Esc',
};

export function ShortcutsDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <div class={styles.groups}>
        {shortcutGroups.value.map((group) => (
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
