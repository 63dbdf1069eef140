/** The store in memory, by the suite of all stores. */
import { memoryStore } from '../../src/security/index.ts'
import { testStore } from '../store-suite.ts'

testStore('in memory', () => memoryStore(), false)
