// What the build inlines into the waiting page: its style and its script.
import './page.css';
import './main';
