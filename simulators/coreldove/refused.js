/**
 * A mutation that the shop refuses. Saleor answers 200 and says so in the payload's `errors`.
 */
export class Refused extends Error {
  /**
   * @param {string | null} field  the input field to blame, `null` when it is none in particular
   * @param {string} message
   * @param {string} code          a value of the payload's error-code enum
   * @param {object} [more]        further fields of the error type, such as `channels`
   */
  constructor(field, message, code, more) {
    super(message);
    this.error = { field, message, code, ...more };
  }
}
