/** The order of test files for mutants: what is quick comes first, because the first test that fails ends a mutant. */
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const KINDS = ['test/unit/', 'test/redteam/', 'test/property/', 'test/differential/']

const rank = ({ moduleId }: TestSpecification): number => KINDS.findIndex((kind) => moduleId.includes(kind))

export class QuickFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((left, right) => rank(left) - rank(right) || left.moduleId.localeCompare(right.moduleId))
  }
}
