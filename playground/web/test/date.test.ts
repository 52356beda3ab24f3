import { describe, expect, it } from "vitest";
import { ago, isSameDay, localAt, ordinal, slackDate, timeOf, unixAt } from "../src/text/date";

const THEN = 1392734382; // 2014-02-18 14:39:42 UTC
const UTC = { now: THEN + 86_400 * 40, zone: "UTC", hour12: true };

describe("Slack's tokens", () => {
  it.each([
    ["{date_num}", "2014-02-18"],
    ["{date_slash}", "02/18/2014"],
    ["{date}", "February 18th, 2014"],
    ["{date_short}", "Feb 18, 2014"],
    ["{date_long}", "Tuesday, February 18th, 2014"],
    ["{date_long_full}", "February 18, 2014"],
    ["{date_pretty}", "February 18th, 2014"],
    ["{date_short_pretty}", "Feb 18, 2014"],
    ["{date_long_pretty}", "Tuesday, February 18th, 2014"],
    ["{day_divider_pretty}", "Tuesday, February 18th"],
    ["{time}", "2:39 PM"],
    ["{time_secs}", "2:39:42 PM"],
    ["{ago}", "1 month ago"],
    ["on {date_num} at {time}", "On 2014-02-18 at 2:39 PM"],
    ["{unknown} {time}", "{unknown} 2:39 PM"],
  ])("%s", (format, shown) => expect(slackDate(THEN, format, UTC)).toBe(shown));

  it.each([
    ["the day itself", 0, "Today"],
    ["the day after", 86_400, "Yesterday"],
    ["the day before", -86_400, "Tomorrow"],
  ])("is pretty on %s", (_, later, shown) => {
    expect(slackDate(THEN, "{date_short_pretty}", { ...UTC, now: THEN + later })).toBe(shown);
  });
});

describe("the reader's zone", () => {
  it.each([
    ["Europe/Berlin", "15:39"],
    ["America/New_York", "09:39"],
    ["Asia/Tokyo", "23:39"],
    ["Nowhere/AtAll", "14:39"],
  ])("%s", (zone, shown) => expect(timeOf(THEN, { ...UTC, zone, hour12: false })).toBe(shown));

  it("decides what today is", () => {
    const late = THEN + 5 * 3600; // in Tokyo the next day
    expect(isSameDay(THEN, late, "UTC")).toBe(true);
    expect(isSameDay(THEN, late, "Asia/Tokyo")).toBe(false);
  });
  it.each(["Europe/Berlin", "America/New_York", "Asia/Kolkata"])("goes there and back in %s", (zone) => {
    expect(unixAt(localAt(1_767_225_600, zone), zone)).toBe(1_767_225_600);
  });
  it("is honest on the day of the change to summer time", () => {
    expect(unixAt("2026-03-29T12:00", "Europe/Berlin")).toBe(Date.UTC(2026, 2, 29, 10) / 1000);
  });
  it("knows noon and midnight", () => {
    expect(timeOf(43_200, { ...UTC })).toBe("12:00 PM");
    expect(timeOf(0, { ...UTC })).toBe("12:00 AM");
  });
});

describe("words", () => {
  it.each([[1, "1st"], [2, "2nd"], [3, "3rd"], [4, "4th"], [11, "11th"], [12, "12th"], [13, "13th"], [21, "21st"], [31, "31st"]])("%i", (day, shown) => {
    expect(ordinal(day)).toBe(shown);
  });
  it.each([[2, "just now"], [59, "59 seconds ago"], [60, "1 minute ago"], [7200, "2 hours ago"], [-7200, "in 2 hours"]])("%i s ago", (seconds, shown) => {
    expect(ago(THEN - seconds, THEN)).toBe(shown);
  });
});
