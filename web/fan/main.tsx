import { render } from 'preact';
import '../shared/base.css';

const app = document.getElementById('app');
if (app) render(<main />, app);
