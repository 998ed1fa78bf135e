// The fan's pages start here: the language and the page of this address are loaded side by side, then drawn.
import { render } from 'preact';
import './fan.css';
import { chosenLanguage, speak } from './language';
import { Shell } from './parts/Shell';
import { type Route, route } from './route';

const here = route(location.pathname);

/** The page's own code. What one page needs, another does not load. */
async function view(here: Route) {
  switch (here.page) {
    case 'list': {
      const { SaleList } = await import('./sale/SaleList');
      return <SaleList />;
    }
    case 'sale': {
      const { SalePage } = await import('./sale/SalePage');
      return <SalePage id={here.id} />;
    }
    case 'seats': {
      const { SeatsPage } = await import('./shop/SeatsPage');
      return <SeatsPage id={here.id} />;
    }
    case 'order': {
      const { OrderPage } = await import('./tickets/OrderPage');
      return <OrderPage id={here.id} />;
    }
    case 'tickets': {
      const { TicketList } = await import('./tickets/TicketList');
      return <TicketList />;
    }
    case 'ticket': {
      const { TicketPage } = await import('./tickets/TicketPage');
      return <TicketPage id={here.id} />;
    }
    case 'nothing': {
      const { Nothing } = await import('./parts/Nothing');
      return <Nothing />;
    }
  }
}

async function start(app: HTMLElement): Promise<void> {
  const page = view(here);
  await speak(chosenLanguage(document.cookie, navigator.languages));
  render(<Shell>{undefined}</Shell>, app);
  render(<Shell>{await page}</Shell>, app);
}

const app = document.getElementById('app');
if (app) void start(app);
