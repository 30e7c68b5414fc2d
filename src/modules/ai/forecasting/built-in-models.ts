/** Names of the models that come with the program. */
export const LOAD_PREDICTOR = 'load_predictor';
export const ANOMALY_DETECTOR = 'anomaly_detector';
export const SENTIMENT = 'sentiment-analysis';
export const BUILT_IN = [LOAD_PREDICTOR, ANOMALY_DETECTOR, SENTIMENT] as const;
