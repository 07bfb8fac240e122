/** What every request of ours says in `user-agent`. */
export const userAgent = 'hikyaku/0.1.0';
