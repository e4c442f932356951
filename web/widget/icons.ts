/** Lines of the pictures on buttons, in a field of 24 by 24. */
export const icons = {
  chat: ["M4 5.5h16v11H10l-4.5 3.5v-3.5H4z", "M8 9.5h8", "M8 12.7h5"],
  down: ["M6 9.5l6 6 6-6"],
  send: ["M12 19V5.5", "M6 11.2l6-6 6 6"],
  stop: ["M7.5 7.5h9v9h-9z"],
  pen: ["M5 19h4L19 9l-4-4L5 15z", "M13 7l4 4"],
  back: ["M14.5 6l-6 6 6 6"],
  person: ["M12 12a3.6 3.6 0 1 0 0-7.2 3.6 3.6 0 0 0 0 7.2z", "M5 20c.7-3.6 3.4-5.4 7-5.4s6.3 1.8 7 5.4"],
} as const;
