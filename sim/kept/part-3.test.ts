import { testPart } from './test-part.js';

testPart(3);
