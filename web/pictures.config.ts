// Takes the pictures of the README (scripts/screenshots.sh): the browser and the servers of the tests, other files.
import { defineConfig } from '@playwright/test';
import tests from './playwright.config';

export default defineConfig({ ...tests, testMatch: 'pictures.ts', timeout: 600_000 });
