/** What failed, said in words, as a value of its own kind (CanonicalABI.md, "canon error-context.new"). */
import { TableItem } from '../resources.ts'

export class ErrorContext extends TableItem {
  readonly what = 'error context'
  readonly message: string

  constructor(message: string) {
    super()
    this.message = message
  }
}
