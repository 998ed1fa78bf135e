// The organiser's pages: which one the address means. Each is a full load, so the back button is the browser's own.
import { render } from 'preact';
import '../shared/base.css';
import './organiser.css';
import { Gate } from './gate';
import { key } from './key';
import { List } from './list';
import { NewSalePage } from './new';
import { SalePage, type Tab } from './sale';

const TABS: readonly Tab[] = ['line', 'orders', 'exceptions', 'audit', 'report'];

function Page() {
  const [, , page, sale, part] = location.pathname.split('/');
  if (page === 'new') return <NewSalePage />;
  if (page === 'sales' && sale) return <SalePage id={sale} tab={TABS.find((tab) => tab === part) ?? 'board'} />;
  return <List />;
}

const Organiser = () => (key.value === '' ? <Gate /> : <Page />);

const app = document.getElementById('app');
if (app) render(<Organiser />, app);
