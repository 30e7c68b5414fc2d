/** Version of the product, as the documents count it. */
export const PRODUCT_VERSION = '1.1.0';
