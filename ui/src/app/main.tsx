// Entry: settings, address, shortcuts, then the page.

import './base.css';
import { render } from 'preact';
import { App } from './app';
import { followBrowser } from './place';
import { followTheme } from './settings';
import { listenForShortcuts } from './shortcuts';

followTheme();
followBrowser();
listenForShortcuts();
const root = document.getElementById('app');
if (root !== null) render(<App />, root);
